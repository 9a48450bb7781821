package import GatewayCrypto

/// Secrets that the environment holds under a name, or that a file holds which the environment names.
package enum NamedSecret {
    /// The least a pepper has; `openssl rand -hex 32` makes 64 bytes.
    package static let minimumPepperCount = 16
    package static let maximumCount = 16_384

    /// The secret in the variable `name`, or in the file whose path is in the variable `name` + `_FILE`; never both. Line ends after it
    /// are not part of it.
    package static func read(
        _ name: String, minimumCount: Int, environment: [String: String], readFile: (String) throws -> [UInt8]
    ) throws(ValueProblem) -> Secret {
        let fileName = name + "_FILE"
        let ways = "set \(name) to the secret, or \(fileName) to the path of a file that holds it"
        var bytes: [UInt8]
        switch (environment[name], environment[fileName]) {
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
        while let last = bytes.last, last == UInt8(ascii: "\n") || last == UInt8(ascii: "\r") { bytes.removeLast() }
        guard !bytes.isEmpty else { throw ValueProblem("names a secret that is empty", remedy: ways) }
        guard bytes.count >= minimumCount else {
            throw ValueProblem(
                "names a secret of less than \(minimumCount) bytes", remedy: "make one, for example with `openssl rand -hex 32`")
        }
        guard bytes.count <= maximumCount, bytes.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw ValueProblem(
                "names a secret with spaces, line breaks or other characters that no credential has",
                remedy: "check what is in \(name) or \(fileName): only visible ASCII, on one line")
        }
        return Secret(bytes)
    }
}
