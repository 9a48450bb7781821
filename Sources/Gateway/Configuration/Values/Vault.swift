package import GatewayCrypto

/// The only reader of secrets, and of everything else that the environment holds.
///
/// It keeps no secret itself: each is read when it is asked for, handed out as a `Secret`, and the bytes on the way are wiped. What cannot be
/// wiped is the environment of the process, which is the reason why a file named by `NAME_FILE` is the better place.
package struct Vault: Sendable {
    /// The least a pepper has; `openssl rand -hex 32` makes 64 bytes.
    package static let minimumPepperCount = 16
    package static let maximumCount = 16_384

    private let lookUp: @Sendable (String) -> String?
    private let readFile: @Sendable (String) throws -> [UInt8]

    /// - Parameters:
    ///   - lookUp: the value of an environment variable; `nil`: it is not set.
    ///   - readFile: the bytes at a path; any error means that it cannot be read.
    package init(lookUp: @escaping @Sendable (String) -> String?, readFile: @escaping @Sendable (String) throws -> [UInt8]) {
        self.lookUp = lookUp
        self.readFile = readFile
    }

    package init(environment: [String: String], readFile: @escaping @Sendable (String) throws -> [UInt8]) {
        self.init(lookUp: { environment[$0] }, readFile: readFile)
    }

    /// This vault with variables of its own in front of the environment's.
    package func overlaid(with variables: [String: String]) -> Vault {
        Vault(lookUp: { [lookUp] in variables[$0] ?? lookUp($0) }, readFile: readFile)
    }

    /// Whether there is something under the name: in the variable itself, or in the one that names a file.
    package func holds(_ name: String) -> Bool { lookUp(name) != nil || lookUp(name + "_FILE") != nil }

    /// A variable that is no secret, such as `PORT`.
    package func setting(named name: String) -> String? { lookUp(name) }

    /// A file that is no secret.
    package func contents(of path: String) throws -> [UInt8] { try readFile(path) }

    /// A file that is a secret, such as a private key; any error means that it cannot be read.
    package func secretFile(at path: String) throws -> Secret {
        var bytes = try readFile(path)
        defer { wipe(&bytes) }
        return Secret(bytes)
    }

    /// The secret in the variable `name`, or in the file whose path is in the variable `name` + `_FILE`; never both. Line ends after it
    /// are not part of it.
    package func secret(named name: String, minimumCount: Int = 1) throws(ValueProblem) -> Secret {
        let fileName = name + "_FILE"
        let ways = "set \(name) to the secret, or \(fileName) to the path of a file that holds it"
        var bytes: [UInt8]
        switch (lookUp(name), lookUp(fileName)) {
        case (nil, nil): throw ValueProblem("names a secret that is not there: neither \(name) nor \(fileName) is set", remedy: ways)
        case (.some, .some):
            throw ValueProblem("names a secret that is there twice: both \(name) and \(fileName) are set", remedy: "unset one of them")
        case (let value?, nil): bytes = Array(value.utf8)
        case (nil, let path?):
            guard let contents = try? readFile(path) else {
                throw ValueProblem(
                    "names a secret whose file cannot be read: the one in \(fileName)",
                    remedy: "check that the path exists and that this user may read it")
            }
            bytes = contents
        }
        defer { wipe(&bytes) }
        while let last = bytes.last, last == UInt8(ascii: "\n") || last == UInt8(ascii: "\r") { bytes.removeLast() }
        guard !bytes.isEmpty else { throw ValueProblem("names a secret that is empty", remedy: ways) }
        guard bytes.count >= minimumCount else {
            throw ValueProblem(
                "names a secret of less than \(minimumCount) bytes", remedy: "make one, for example with `openssl rand -hex 32`")
        }
        guard bytes.count <= Self.maximumCount, bytes.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw ValueProblem(
                "names a secret with spaces, line breaks or other characters that no credential has",
                remedy: "check what is in \(name) or \(fileName): only visible ASCII, on one line")
        }
        return Secret(bytes)
    }
}
