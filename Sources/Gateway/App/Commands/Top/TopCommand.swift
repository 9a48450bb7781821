import ArgumentParser
import Foundation
import GatewayConfiguration

struct TopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top",
        abstract: "Shows what a running gateway does: rates, latencies, models, cache, spend, findings, faults.",
        discussion: """
            Asks the gateway's admin listener for /metrics again and again. In a terminal the screen is drawn anew each time; elsewhere, or with --once, \
            plain lines are printed.
            """)

    @Option(name: .long, help: "The configuration file of the running gateway; its admin listener is asked.")
    var config: String?

    @Option(name: .long, help: "The admin listener itself: 127.0.0.1:9090.")
    var address: String?

    @Option(name: .long, help: "Seconds between two readings, 0.1 to 3600.")
    var interval: Double = 2

    @Flag(name: .long, help: "Prints what happened within one interval, and ends.")
    var once = false

    func validate() throws {
        guard (0.1...3_600).contains(interval) else { throw ValidationError("--interval is from 0.1 to 3600 seconds") }
        guard (config == nil) != (address == nil) else { throw ValidationError("give either --config or --address") }
    }

    func run() async throws {
        let address = try listener()
        let client = AdminClient(address: address)
        let isTerminal = isatty(STDOUT_FILENO) == 1 && !once
        var before = try await reading(client, address)
        var since = ContinuousClock.now
        repeat {
            try await Task.sleep(for: .seconds(interval))
            let now = try await reading(client, address)
            let time = ContinuousClock.now
            let frame = TopFrame(MetricsChange(before: before, now: now, seconds: (time - since) / .seconds(1)))
            // Home, and what was there before is erased line by line: no flicker.
            let text =
                isTerminal
                ? "\u{1B}[H" + frame.lines.map { $0 + "\u{1B}[K\n" }.joined() + "\u{1B}[J" : frame.lines.map { $0 + "\n" }.joined()
            FileHandle.standardOutput.write(Data(text.utf8))
            (before, since) = (now, time)
        } while !once
    }

    private func listener() throws -> ListenAddress {
        if let address {
            guard let address = ListenAddress(address), address.port > 0 else {
                throw ValidationError("--address is an IP address or localhost, and a port: 127.0.0.1:9090, [::1]:9090")
            }
            return address
        }
        let configuration = try ConfigurationSource.file(config ?? "").load().orExit()
        guard let address = configuration.listen.admin else {
            throw ValidationError("the configuration has no admin listener to ask; add `listen.admin`")
        }
        return address
    }

    private func reading(_ client: AdminClient, _ address: ListenAddress) async throws -> MetricsReading {
        let answer: AdminClient.Answer
        do {
            answer = try await client.get("/metrics")
        } catch {
            throw leave("\(error) at \(address): is the gateway running, and is this its admin listener (`listen.admin`)?")
        }
        guard answer.status == 200, answer.body.contains("agentshield_build_info") else {
            throw leave("\(address) answers, but not with a gateway's metrics (\(answer.statusLine)): name its admin listener")
        }
        return MetricsReading(answer.body)
    }

    /// EX_UNAVAILABLE of sysexits.h.
    private func leave(_ problem: String) -> ExitCode {
        FileHandle.standardError.write(Data("agentshield top: \(problem)\n".utf8))
        return ExitCode(69)
    }
}
