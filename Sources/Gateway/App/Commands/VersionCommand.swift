import ArgumentParser
import CHiredis
import CLZ4
import CPQ
import Foundation
import GatewayConfiguration
import GatewayCrypto

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "The gateway's version and those of the system libraries that it runs with.")

    func run() {
        let pq = PQlibVersion()
        print(
            """
            agentshield \(GatewayVersion.current)
            libcrypto   \(CryptoLibrary.version)
            liblz4      \(String(cString: LZ4_versionString()))
            libpq       \(pq / 10_000).\(pq % 10_000)
            libhiredis  \(HIREDIS_MAJOR).\(HIREDIS_MINOR).\(HIREDIS_PATCH)
            """)
    }
}

struct HealthcheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "healthcheck", abstract: "Exits with 0 if the gateway of a configuration answers on its admin listener; for containers.")

    @Option(name: .long, help: "The configuration file of the running gateway.")
    var config: String

    func run() throws {
        let configuration = try ConfigurationSource.file(config).load().orExit()
        guard let address = configuration.listen.admin else { throw ValidationError("the configuration has no admin listener to ask") }
        guard let url = URL(string: "http://\(address)/readyz") else { throw ExitCode.failure }
        let answer = try String(contentsOf: url, encoding: .utf8)
        print(answer)
    }
}
