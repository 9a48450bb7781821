import ArgumentParser
import Foundation

struct ModelsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "models",
        abstract: "The read-only models that the program brings along: what they are, and where they were loaded from.",
        discussion:
            "Reads and checks each as `serve` does when it starts. Ends with status 72 where one is missing or is not as it was shipped.")

    @Flag(name: .long, help: "One JSON object a line.")
    var json = false

    @OptionGroup var models: ModelOptions

    func run() throws {
        let files = try models.files()
        _ = try models.load()
        if json {
            return try Listing.show(
                ModelManifest.entries.map { entry in
                    JSONObject([
                        "name": entry.name, "version": entry.version, "bytes": entry.bytes, "sha256": entry.sha256,
                        "path": files.url(entry).path,
                    ])
                })
        }
        let rows = ModelManifest.entries.map { [$0.name, "\($0.version)", "\($0.bytes)", $0.sha256, files.url($0).path] }
        print(TextTable(["name", "version", "bytes", "sha256", "loaded from"], rows).text, terminator: "")
    }
}
