import Foundation
import GatewayCrypto

/// The gateway, with one event loop.
struct GatewayServer {
    let process: PinnedProcess
    let probe: ProcessProbe
    let tlsPort: Int
    let httpPort: Int
    let key: String
    /// The file of the authority that signed its certificate.
    let authority: String
    /// From its start to its first listening port.
    let startMilliseconds: Double

    init(_ folders: BenchFolders, _ setup: GatewaySetup = GatewaySetup(), upstream: UpstreamServer) throws {
        let ofFile = try APIKey.generate(random: secureRandom)
        key = setup.storedKey ?? ofFile
        tlsPort = try LocalPort.free()
        httpPort = try LocalPort.free()
        let file = folders.work.appendingPathComponent("gateway-\(UUID().uuidString).yaml")
        let text = try setup.configuration(
            tlsPort: tlsPort, httpPort: httpPort, key: ofFile, upstreamPort: upstream.port, folder: folders.work.path)
        try Data(text.utf8).write(to: file)
        // Files of the run go with its folder.
        var environment = setup.environment.merging(["TMPDIR": folders.work.path]) { $1 }
        var counter: AllocationCounter?
        if setup.countsAllocations {
            counter = try AllocationCounter(folders)
            environment.merge(counter?.environment ?? [:]) { $1 }
        }
        let command = setup.wrapper + [folders.program.path, "serve", "--config", file.path]
        let start = Date()
        process = try PinnedProcess(
            URL(fileURLWithPath: command[0]), Array(command.dropFirst()), core: BenchCores.measured, folder: folders.work,
            environment: environment)
        try process.waitForPort(tlsPort, within: 120)
        startMilliseconds = Date().timeIntervalSince(start) * 1_000
        probe = ProcessProbe(identifier: process.identifier, allocationFile: counter?.file)
        try process.waitForPort(httpPort)
        authority = String(try process.text(after: "ca_file=").prefix { $0 != " " })
    }

    func target(_ door: LoadTarget.Door) -> LoadTarget {
        LoadTarget(door: door, port: door == .http ? httpPort : tlsPort, credential: key, authority: authority)
    }
}
