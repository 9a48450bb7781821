import ArgumentParser
import Foundation
import GatewayConfiguration
import Scrubbing

struct ScrubCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scrub", abstract: "Scrubs standard input, or a file, to standard output, as the gateway does with a request.",
        discussion: """
            Text of any length goes through in constant memory; where it is cut into pieces makes no difference. Values that the policy \
            replaces by placeholders are numbered over the whole text, up to \(mostNumberedValues) values or 16 MiB of them; further ones get a \
            label without a number, which is said on standard error.

            Exit status: 0 when all went well, 2 for wrong arguments or a wrong policy, 3 when the policy blocks a kind that is in the text (the \
            output ends before it), 1 when reading or writing failed.
            """)

    private static let mostNumberedValues = 100_000
    private static let chunkBytes = 64 * 1024

    private enum Status {
        static let failed = ExitCode(1)
        static let wrongUsage = ExitCode(2)
        static let blocked = ExitCode(3)
    }

    @Flag(name: .long, help: "Prints what is found and not the text: one JSON object a line, start and end in bytes.")
    var findings = false

    @Option(name: .long, help: "A policy (YAML): what stands under a name in `scrub.policies` of the gateway's configuration.")
    var policy: String?

    @Option(name: .long, help: "Countries whose own kinds are looked for, such as es,us. All of them without this.")
    var locale: String?

    @Argument(help: "The file to read; `-` or none for standard input.")
    var file: String?

    func run() throws {
        // As every program in a pipe: who reads no further ends it, and says nothing.
        signal(SIGPIPE, SIG_DFL)
        var policy = try loadPolicy()
        if let locale { policy.setLocales(try Self.locales(locale)) }
        let input = try openInput()
        var scrubber = StreamScrubber(policy: policy, numbering: Self.mostNumberedValues)
        scrubber.reportsFindings = findings
        var output: [UInt8] = []
        var outcome = StreamOutcome.passed
        var chunk = [UInt8](repeating: 0, count: Self.chunkBytes)
        while outcome == .passed {
            let count = try Self.read(input, into: &chunk)
            if count > 0 {
                outcome = chunk.withUnsafeBytes { scrubber.feed(UnsafeRawBufferPointer(rebasing: $0[..<count]), into: &output) }
            } else {
                outcome = scrubber.finish(into: &output)
            }
            if findings { Self.describe(scrubber.takeFindings(), of: policy, into: &output) }
            try Self.write(output)
            output.removeAll(keepingCapacity: true)
            if count == 0 { break }
        }
        if scrubber.unnumberedValues > 0 {
            Self.tell("\(scrubber.unnumberedValues) values have no number: \(Self.mostNumberedValues) have one already.")
        }
        if case .blocked(let kinds) = outcome {
            Self.tell("the policy blocks \(kinds.map { policy.name(of: $0) }.joined(separator: ", "))")
            throw Status.blocked
        }
    }

    /// Ends the process as the exit statuses of this command are documented.
    static func leave(with error: any Error) -> Never {
        let status = AgentShieldCommand.exitCode(for: error)
        if status == .validationFailure {
            tell(AgentShieldCommand.fullMessage(for: error))
            Foundation.exit(Status.wrongUsage.rawValue)
        }
        AgentShieldCommand.exit(withError: error)
    }

    private func loadPolicy() throws -> ScrubPolicy {
        guard let path = policy else { return ScrubPolicy() }
        guard let bytes = try? SmallFile.read(path) else {
            Self.tell("\(path) cannot be read")
            throw Status.wrongUsage
        }
        let loaded = ConfigurationLoader.loadPolicy(path: path, bytes: bytes, vault: .process)
        switch loaded {
        case .success(let named): return named.policy
        case .failure(let faults):
            Self.tell(faults.rendered)
            throw Status.wrongUsage
        }
    }

    private static func locales(_ text: String) throws -> Set<ScrubLocale> {
        var locales: Set<ScrubLocale> = []
        for name in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let locale = ScrubLocale(rawValue: name.lowercased()) else {
                tell("--locale knows \(ScrubLocale.allCases.map(\.rawValue).joined(separator: ","))")
                throw Status.wrongUsage
            }
            locales.insert(locale)
        }
        return locales
    }

    private func openInput() throws -> Int32 {
        guard let file, file != "-" else { return STDIN_FILENO }
        let descriptor = open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            Self.tell("\(file) cannot be read")
            throw Status.wrongUsage
        }
        return descriptor
    }

    // MARK: - Bytes

    /// 0 at the end.
    private static func read(_ descriptor: Int32, into chunk: inout [UInt8]) throws -> Int {
        while true {
            let count = chunk.withUnsafeMutableBytes { Foundation.read(descriptor, $0.baseAddress, $0.count) }
            if count >= 0 { return count }
            guard errno == EINTR else {
                tell("reading failed: \(String(cString: strerror(errno)))")
                throw Status.failed
            }
        }
    }

    private static func write(_ bytes: [UInt8]) throws {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes {
                Foundation.write(STDOUT_FILENO, $0.baseAddress.map { $0 + written }, bytes.count - written)
            }
            if count >= 0 {
                written += count
            } else if errno != EINTR {
                tell("writing failed: \(String(cString: strerror(errno)))")
                throw Status.failed
            }
        }
    }

    /// Replaces `output` by a line for each finding.
    private static func describe(_ findings: [Finding], of policy: ScrubPolicy, into output: inout [UInt8]) {
        output.removeAll(keepingCapacity: true)
        for finding in findings {
            let score = String(format: "%.2f", Double(finding.score))
            output += Array(
                """
                {"start":\(finding.range.lowerBound),"end":\(finding.range.upperBound),"kind":"\(policy.name(of: finding.kind))","score":\(score)}

                """.utf8)
        }
    }

    private static func tell(_ text: String) {
        FileHandle.standardError.write(Data("agentshield scrub: \(text)\n".utf8))
    }
}
