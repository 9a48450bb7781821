import Foundation

/// The repository's files, as the rules see them.
struct Repository {
    struct File: Sendable {
        /// From the repository's folder, such as `Sources/Wire/Protocol/Frame.swift`.
        var path: String
        var text: String

        var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }

        /// Written by a program, as its first lines say.
        var isGenerated: Bool {
            lines.prefix(6).contains { $0.contains("DO NOT EDIT") || $0.contains("// Generated from") }
        }
    }

    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The files below `folder` whose names end with one of `suffixes`.
    static func files(below folder: String, _ suffixes: [String]) throws -> [File] {
        let base = root.appendingPathComponent(folder)
        guard let paths = FileManager.default.enumerator(atPath: base.path) else { throw CocoaError(.fileNoSuchFile) }
        var files: [File] = []
        for case let path as String in paths where suffixes.contains(where: path.hasSuffix) {
            guard !path.contains(".build/"), !path.contains("__pycache__") else { continue }
            var isFolder: ObjCBool = false
            let file = base.appendingPathComponent(path).path
            guard FileManager.default.fileExists(atPath: file, isDirectory: &isFolder), !isFolder.boolValue else { continue }
            files.append(File(path: "\(folder)/\(path)", text: try String(contentsOf: base.appendingPathComponent(path), encoding: .utf8)))
        }
        return files.sorted { $0.path < $1.path }
    }

    /// The names of what is directly in `folder`, hidden files left out.
    static func entries(of folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: root.appendingPathComponent(folder).path).filter { !$0.hasPrefix(".") }.sorted()
    }
}
