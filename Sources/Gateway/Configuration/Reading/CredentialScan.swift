internal import GatewayCrypto
internal import Scrubbing

/// Finds credentials where none may stand: in the configuration file, comments included, and on the command line. What counts as one is what the
/// scrubbing engine takes for a secret in a request.
package enum CredentialScan {
    /// A credential, by what it looks like and where it stands; never itself.
    package struct Finding: Sendable, Equatable {
        /// As scrubbing names it: `SECRET`, `JWT`, `PASSWORD`, `URL_CREDENTIALS`, `PRIVATE_KEY`.
        package var kind: String
        /// In bytes.
        package var range: Range<Int>
    }

    /// What is looked for, and nothing else: an address or a telephone number is no credential.
    private static let policy: ScrubPolicy = {
        var policy = ScrubPolicy()
        for kind in EntityKind.builtIn {
            // Both actions are allowed for every kind.
            try? policy.setAction(kind.isSecret ? .logOnly : .ignore, for: kind)
        }
        return policy
    }()

    package static func findings(in text: [UInt8]) -> [Finding] {
        var scrubber = StreamScrubber(policy: policy)
        scrubber.reportsFindings = true
        var output: [UInt8] = []
        _ = text.withUnsafeBytes { scrubber.feed($0, into: &output) }
        _ = scrubber.finish(into: &output)
        let findings = scrubber.takeFindings().map { Finding(kind: policy.name(of: $0.kind), range: $0.range) } + ownKeys(in: text)
        return findings.sorted { $0.range.lowerBound < $1.range.lowerBound }
    }

    /// Keys of this gateway, which their checksum proves to be such.
    private static func ownKeys(in text: [UInt8]) -> [Finding] {
        let prefix = Array(APIKey.prefix.utf8)
        return text.withUnsafeBytes { text in
            text.indices.dropLast(APIKey.count - 1).compactMap { start in
                guard text[start] == prefix[0], text[start...].starts(with: prefix) else { return nil }
                let range = start..<start + APIKey.count
                return APIKey.isWellFormed(UnsafeRawBufferPointer(rebasing: text[range])) ? Finding(kind: "SECRET", range: range) : nil
            }
        }
    }

    /// What is wrong with a command line, in one sentence that says how to mend it; `nil`: nothing.
    ///
    /// - Parameter arguments: without the program's own name.
    package static func problem(withArguments arguments: [String]) -> String? {
        for (index, argument) in arguments.enumerated() {
            // Two arguments may make one credential: `--password hunter2hunter2`.
            let pair = index > 0 && arguments[index - 1].hasPrefix("-") ? "\(arguments[index - 1])=\(argument)" : argument
            guard let finding = findings(in: Array(argument.utf8)).first ?? findings(in: Array(pair.utf8)).first else { continue }
            return """
                argument \(index + 1) looks like a credential (\(finding.kind)), and every user of this machine can read the command line of a \
                process. Replace that credential, put the new one into an environment variable NAME or a file named by NAME_FILE, and start \
                again without it.
                """
        }
        return nil
    }

    /// Refuses the file's credentials, but for those on lines where one was refused already.
    static func refuseCredentials(in bytes: [UInt8], _ reading: ConfigurationReading) {
        let refusedLines = Set(
            reading.faults.filter { fault in
                ["secret", "password", "credential"].contains { (fault.problem + fault.remedy).contains($0) }
            }.map(\.line))
        var line = 1
        var lineStart = 0
        var position = 0
        for finding in findings(in: bytes) {
            while position < finding.range.lowerBound {
                if bytes[position] == UInt8(ascii: "\n") {
                    line += 1
                    lineStart = position + 1
                }
                position += 1
            }
            guard !refusedLines.contains(line) else { continue }
            // Columns count Unicode scalars: every byte that does not go on with one.
            let column = bytes[lineStart..<position].count { $0 & 0xC0 != 0x80 } + 1
            reading.refuse(
                "", at: Position(line: line, column: column),
                ValueProblem(
                    "holds what looks like a credential (\(finding.kind)) here, comments included",
                    remedy:
                        "take it out of the file, and into an environment variable NAME or a file named by NAME_FILE; if others could read it, replace it"
                ))
        }
    }
}
