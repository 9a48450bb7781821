import ArgumentParser
import Foundation
import NIOCore

/// Other gateways, the same way.
struct PeersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "peers", abstract: "Measures LiteLLM's proxy beside the gateway, each alone on one core.")

    @OptionGroup var options: BenchOptions

    @Option(name: .long, help: "LiteLLM's program: Scripts/bench-peers installs it.")
    var litellm: String

    func run() async throws {
        try await options.run { folders, loop in
            let upstream = try UpstreamServer(folders)
            defer { upstream.process.stop() }
            let machine = BenchMachine.current()
            var rows: [(way: String, result: LoadResult, memory: Int)] = []
            do {
                BenchOptions.tell("LiteLLM")
                let peer = try LiteLLMServer(folders, URL(fileURLWithPath: litellm), upstream: upstream)
                defer { peer.process.stop() }
                let target = LoadTarget(door: .http, port: peer.port, credential: peer.key)
                rows.append(("LiteLLM, HTTP, its master key", try await measure(target, peer.probe, loop), peer.probe.residentKiB))
            }
            for (mode, governance) in [("governed, in memory", GatewaySetup.Governance.embedded), ("bare", .bare)] {
                let gateway = try GatewayServer(folders, GatewaySetup(governance: governance), upstream: upstream)
                defer { gateway.process.stop() }
                for door in [LoadTarget.Door.wire, .https, .http] {
                    BenchOptions.tell("AgentShield, \(door.name), \(mode)")
                    let result = try await measure(gateway.target(door), gateway.probe, loop)
                    rows.append(("AgentShield, \(door.name), \(mode)", result, gateway.probe.residentKiB))
                }
            }
            let peer = rows[0].result.perSecond
            let table = Markdown.table(
                ["way", ">requests/s", ">times LiteLLM's", ">CPU µs/request", ">p50 µs", ">p99 µs", ">RSS MiB", ">failed"],
                rows.map { row in
                    [
                        row.way, Markdown.number(row.result.perSecond), Markdown.number(row.result.perSecond / max(0.001, peer), 1),
                        Markdown.number(row.result.cpuMicrosecondsPerRequest, 1),
                        Markdown.number(row.result.latencies.microseconds(at: 0.5)),
                        Markdown.number(row.result.latencies.microseconds(at: 0.99)), Markdown.mebibytes(row.memory),
                        "\(row.result.failed + row.result.shed)",
                    ]
                })
            let date = Date().ISO8601Format(.iso8601.year().month().day())
            let text = "\(date), `make bench-peers`, \(machine.text); LiteLLM \(try version())\n\n\(table)"
            print(text)
            try options.write("peers.md", Data((BenchDocument.peers + "\n" + text).utf8))
        }
    }

    private func version() throws -> String {
        let output = try Command.output(URL(fileURLWithPath: litellm), ["--version"])
        return output.split(whereSeparator: \.isWhitespace).last { $0.first?.isNumber ?? false }.map(String.init) ?? "of unknown version"
    }

    /// As fast as it goes, 64 in flight.
    private func measure(_ target: LoadTarget, _ probe: ProcessProbe, _ loop: any EventLoop) async throws -> LoadResult {
        try await LoadRun.run(
            LoadPlan(
                target: target, prompts: .unique, pace: .closed, inFlight: 64, warmUp: .seconds(options.smoke ? 1 : 3),
                duration: .seconds(options.smoke ? 2 : 10), probe: probe), on: loop)
    }
}

/// LiteLLM's proxy with one worker and no database; it does not start without a master key.
struct LiteLLMServer {
    let process: PinnedProcess
    let probe: ProcessProbe
    let port: Int
    let key: String

    init(_ folders: BenchFolders, _ program: URL, upstream: UpstreamServer) throws {
        port = try LocalPort.free()
        key = "sk-\(UUID().uuidString)"
        let file = folders.work.appendingPathComponent("litellm.yaml")
        let text = """
            model_list:
              - model_name: bench
                litellm_params: {model: openai/bench, api_base: "http://127.0.0.1:\(upstream.port)/v1", api_key: none}
            litellm_settings: {telemetry: false, drop_params: true}

            """
        try Data(text.utf8).write(to: file)
        process = try PinnedProcess(
            program, ["--config", file.path, "--host", "127.0.0.1", "--port", "\(port)", "--num_workers", "1"], core: BenchCores.measured,
            folder: folders.work, environment: ["LITELLM_MASTER_KEY": key, "LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True"])
        try process.waitForPort(port, within: 180)
        probe = ProcessProbe(identifier: process.identifier)
    }
}
