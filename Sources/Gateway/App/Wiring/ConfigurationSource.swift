import ArgumentParser
import Foundation
import GatewayConfiguration

/// Where the configuration comes from: a file, or a text of the program itself.
enum ConfigurationSource: Sendable {
    case file(String)
    /// Made by the program itself, as `agentshield dev` does.
    case text(String, vault: Vault)

    func load() -> Result<Configuration, ConfigurationFaults> {
        switch self {
        case .file(let path):
            guard let bytes = try? SmallFile.read(path) else {
                return .failure(
                    ConfigurationFaults(faults: [
                        ConfigurationFault(
                            file: path, line: 1, column: 1, key: "", problem: "cannot be read",
                            remedy: "check that the path exists and that this user may read it")
                    ]))
            }
            return ConfigurationLoader.load(path: path, bytes: bytes, vault: .process)
        case .text(let text, let vault):
            return ConfigurationLoader.load(path: "dev.yaml", bytes: Array(text.utf8), vault: vault)
        }
    }
}

extension Result where Failure == ConfigurationFaults {
    /// The value; or the faults on standard error, and the end with status 78 (`EX_CONFIG` of sysexits.h).
    func orExit() throws -> Success {
        switch self {
        case .success(let value): return value
        case .failure(let faults):
            FileHandle.standardError.write(Data((faults.rendered + "\n").utf8))
            throw ExitCode(78)
        }
    }
}
