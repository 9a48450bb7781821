import ArgumentParser
import CHiredis
import CLZ4
import CPQ
import CSQLite
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
            libsqlite3  \(String(cString: sqlite3_libversion()))
            libhiredis  \(HIREDIS_MAJOR).\(HIREDIS_MINOR).\(HIREDIS_PATCH)
            """)
    }
}
