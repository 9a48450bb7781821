import Foundation
import Testing

@Suite("The repository is tidy")
struct TidyTests {
    static let sources = Result { try Repository.files(below: "Sources", [".swift"]) }
    static let tests = Result { try Repository.files(below: "Tests", [".swift"]) }

    @Test("Sources has three wings")
    func wings() throws {
        #expect(try Repository.entries(of: "Sources") == ["ClientSDK", "Gateway", "Wire"])
    }

    @Test("imports go down only, and every source is in a module's folder")
    func imports() throws {
        let files = try Self.sources.get()
        expectNone(files.flatMap(ImportRules.violations))
        for module in ImportRules.modules {
            #expect(files.contains { $0.path.hasPrefix(module.folder + "/") }, "\(module.name) has no sources in \(module.folder)")
        }
    }

    @Test("the graph of our own modules has no way back up")
    func acyclic() {
        let names = Set(ImportRules.modules.map(\.name))
        var remaining = ImportRules.modules
        while !remaining.isEmpty {
            let unresolved = Set(remaining.map(\.name))
            let resolved = remaining.filter { $0.imports.intersection(names).isDisjoint(with: unresolved) }
            guard !resolved.isEmpty else {
                Issue.record("a cycle among \(unresolved.sorted())")
                return
            }
            remaining.removeAll { module in resolved.contains { $0.name == module.name } }
        }
    }

    @Test("no package that the project does without is imported or depended on")
    func forbidden() throws {
        let package = try String(contentsOf: Repository.root.appendingPathComponent("Package.swift"), encoding: .utf8)
        for name in ImportRules.forbidden { #expect(!package.contains(name), "Package.swift names \(name)") }
        for file in try Self.sources.get() + Self.tests.get() {
            for imported in ImportRules.imports(in: file.text) {
                #expect(!ImportRules.forbidden.contains { imported.hasPrefix($0) }, "\(file.path) imports \(imported)")
            }
        }
    }

    @Test("no file is longer than its budget, unless a program wrote it")
    func sizes() throws {
        var files = try Self.sources.get() + Self.tests.get()
        files += try Repository.files(below: "Sources", [".c", ".h"]) + Repository.files(below: "Scripts", [""])
        expectNone(files.flatMap(SourceRules.sizeViolations))
    }

    @Test("no name says nothing")
    func names() throws {
        // The rules' own tests have examples of bad names.
        let files = try Self.sources.get() + Self.tests.get().filter { !$0.path.hasPrefix("Tests/TidyTests/") }
        expectNone(files.filter { !$0.isGenerated }.flatMap(SourceRules.nameViolations))
    }

    @Test("modules that decide take the clock, chance and the environment as parameters")
    func purity() throws {
        let files = try Self.sources.get().filter { file in
            ImportRules.module(of: file.path).map { ImportRules.pure.contains($0.name) } ?? false
        }
        #expect(files.count > ImportRules.pure.count)
        expectNone(files.flatMap(SourceRules.purityViolations))
    }

    @Test("only the gateway's vault touches the environment, and one file of the SDK's for its user")
    func environment() throws {
        let native = try Repository.files(below: "Sources", [".c", ".h", ".S", ".cpp"])
        #expect(native.contains { $0.path.hasSuffix(".c") } && native.contains { $0.path.hasSuffix(".h") })
        let files = try Self.sources.get() + native
        expectNone(files.flatMap(SourceRules.environmentViolations))
        for path in SourceRules.environmentReaders { #expect(files.contains { $0.path == path }, "\(path) is gone") }
    }

    @Test("nothing is left unfinished, and nothing traps on a failure")
    func unfinished() throws {
        try expectNone(Self.sources.get().flatMap(SourceRules.unfinishedViolations))
    }

    @Test("whoever switches the compiler's check of Sendable off says why that is right")
    func sendable() throws {
        try expectNone(Self.sources.get().flatMap(SourceRules.sendableViolations))
    }

    @Test("what is generated is up to date", arguments: ["generate-error-codes.py", "generate-model-manifest.py"])
    func generated(script: String) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", Repository.root.appendingPathComponent("Scripts/\(script)").path, "--check"]
        process.currentDirectoryURL = Repository.root
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(String(decoding: text, as: UTF8.self))")
    }

    private func expectNone(_ violations: [String], sourceLocation: SourceLocation = #_sourceLocation) {
        for violation in violations { Issue.record("\(violation)", sourceLocation: sourceLocation) }
    }
}
