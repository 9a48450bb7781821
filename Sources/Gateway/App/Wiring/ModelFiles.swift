import ArgumentParser
import Foundation
import GatewayCore
import GatewayCrypto

/// The files of the read-only models, found beside the program, and held against the manifest that is compiled into it.
struct ModelFiles {
    struct Entry: Sendable, Equatable {
        let name: String
        let version: Int
        let bytes: Int
        /// 64 hexadecimal digits.
        let sha256: String

        var file: String { name + ".tsv" }
    }

    struct Fault: Error, Equatable, CustomStringConvertible {
        let description: String
    }

    let folder: URL

    /// - Parameter path: the folder that the operator names; `nil`: the first one that is there of those that the program's files are put into.
    static func find(_ path: String?) throws(Fault) -> ModelFiles {
        let places = path.map { [URL(fileURLWithPath: $0, isDirectory: true)] } ?? Self.places
        let found = places.first { place in
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: place.path, isDirectory: &isFolder) && isFolder.boolValue
        }
        guard let found else {
            throw Fault(
                description:
                    "there is no folder of read-only models at \(places.map(\.path).joined(separator: ", nor at ")): install the program with its files, or name their folder with --models"
            )
        }
        return ModelFiles(folder: found)
    }

    /// Where the build puts them, and where an installation does.
    private static var places: [URL] {
        let program = (Bundle.main.executableURL ?? URL(fileURLWithPath: CommandLine.arguments.first ?? "")).resolvingSymlinksInPath()
        let folder = program.deletingLastPathComponent()
        return [
            folder.appendingPathComponent("agentshield_AgentShieldGateway.resources/Models", isDirectory: true),
            folder.appendingPathComponent("agentshield_AgentShieldGateway.bundle/Models", isDirectory: true),
            folder.deletingLastPathComponent().appendingPathComponent("share/agentshield/models", isDirectory: true),
        ]
    }

    func url(_ entry: Entry) -> URL { folder.appendingPathComponent(entry.file) }

    /// Reads every file once, and refuses what is not as it was shipped.
    func load() throws(Fault) -> ShippedModels {
        var contents: [String: [UInt8]] = [:]
        for entry in ModelManifest.entries { contents[entry.name] = try content(entry) }
        return ShippedModels(
            languages: try read(contents, "languages", LanguageModel.init),
            tokenRates: try read(contents, "token-rates", TokenRateTable.init),
            strengths: try read(contents, "strengths", StrengthTable.init))
    }

    private func content(_ entry: Entry) throws(Fault) -> [UInt8] {
        let path = url(entry).path
        guard let bytes = try? SmallFile.read(path) else {
            throw Fault(
                description: "the model \(path) cannot be read: install it again with the program, or name another folder with --models")
        }
        let digest = Digest.sha256(bytes).hex
        guard digest == entry.sha256 else {
            throw Fault(
                description: """
                    the model \(path) is not the one that this program was built with: its SHA-256 is \(digest), and must be \(entry.sha256) \
                    (version \(entry.version), \(entry.bytes) bytes). Install the program's files again, or name another folder with --models
                    """)
        }
        return bytes
    }

    private func read<Model>(
        _ contents: [String: [UInt8]], _ name: String, _ make: ([UInt8]) throws(ModelFault) -> Model
    ) throws(Fault) -> Model {
        do throws(ModelFault) {
            return try make(contents[name] ?? [])
        } catch {
            throw Fault(description: "the model \(name) cannot be used: \(error)")
        }
    }
}

/// Where a command finds the read-only models.
struct ModelOptions: ParsableArguments {
    @Option(
        name: .long,
        help: "The folder of the read-only models, if it is neither beside the program nor ../share/agentshield/models from there.")
    var models: String?

    /// What is wrong is told on standard error, with the status of sysexits.h for a system file that is no good.
    func files() throws -> ModelFiles { try telling { () throws(ModelFiles.Fault) in try ModelFiles.find(models) } }

    func load() throws -> ShippedModels {
        let files = try files()
        return try telling { () throws(ModelFiles.Fault) in try files.load() }
    }

    private func telling<Result>(_ body: () throws(ModelFiles.Fault) -> Result) throws -> Result {
        do throws(ModelFiles.Fault) {
            return try body()
        } catch {
            throw Refused("\(error)", status: 72).told
        }
    }
}
