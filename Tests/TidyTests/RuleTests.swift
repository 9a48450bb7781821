import Testing

/// A rule that cannot fail is none: each is shown a file that breaks it, and one that does not.
@Suite("The rules of tidiness find what they are for")
struct RuleTests {
    private func file(_ text: String, path: String = "Sources/Gateway/Core/X.swift") -> Repository.File {
        Repository.File(path: path, text: text)
    }

    @Test("imports are found in all their forms, and nothing else is taken for one")
    func imports() {
        let text = """
            import A
            package import B
            @preconcurrency internal import C
            @testable import D
            import struct E.Inner
            // import F
            let text = "import G"
                import H
            """
        #expect(ImportRules.imports(in: text) == ["A", "B", "C", "D", "E", "H"])
    }

    @Test("an import that goes up, one of Foundation on the hot path, and a file outside of every module are found")
    func directions() {
        #expect(ImportRules.violations(in: file("package import GatewayPipeline")).count == 1)
        #expect(ImportRules.violations(in: file("import Foundation")).count == 1)
        #expect(ImportRules.violations(in: file("import HTTPShim", path: "Sources/Gateway/WireServer/X.swift")).count == 1)
        #expect(ImportRules.violations(in: file("import GatewayCore", path: "Sources/ClientSDK/X.swift")).count == 1)
        #expect(ImportRules.violations(in: file("", path: "Sources/Gateway/Extra/X.swift")).count == 1)
        #expect(ImportRules.violations(in: file("package import NIOCore\nimport Glibc")).isEmpty)
    }

    @Test("a file over its budget is found, and a generated one is let be")
    func sizes() {
        let line = "let x = 1\n"
        #expect(SourceRules.sizeViolations(in: file(String(repeating: line, count: 500))).isEmpty)
        #expect(SourceRules.sizeViolations(in: file(String(repeating: line, count: 501))).count == 1)
        #expect(SourceRules.sizeViolations(in: file("// DO NOT EDIT.\n" + String(repeating: line, count: 501))).isEmpty)
    }

    @Test("names that say nothing are found in types and files")
    func names() {
        #expect(SourceRules.nameViolations(in: file("package final class PoolManager: Sendable {")).count == 1)
        #expect(SourceRules.nameViolations(in: file("    private struct JSONUtils {")).count == 1)
        #expect(SourceRules.nameViolations(in: file("", path: "Sources/Wire/Protocol/FrameHelper+Reading.swift")).count == 1)
        #expect(SourceRules.nameViolations(in: file("/// Not a struct PoolManager.\nstruct Pool {}")).isEmpty)
    }

    @Test("clock, chance and environment are found where they are read unseen")
    func purity() {
        for text in ["let now = NIODeadline.now()", "x = Int.random(in: 0..<3)", "a.shuffled()", "getenv(\"X\")", "Date()"] {
            #expect(SourceRules.purityViolations(in: file(text)).count == 1, "\(text)")
        }
        #expect(SourceRules.purityViolations(in: file("x = Int.random(in: 0..<3, using: &numbers) // not Date() \n// getenv")).count == 1)
        #expect(SourceRules.purityViolations(in: file("x = Int.random(in: 0..<3, using: &numbers)\n// getenv")).isEmpty)
        #expect(SourceRules.environmentViolations(in: file("ProcessInfo.processInfo.environment")).count == 1)
        for text in ["    const char *key = getenv(\"KEY\");", "extern char **environ;", "clearenv();"] {
            #expect(
                SourceRules.environmentViolations(in: file(text, path: "Sources/Gateway/Scrubbing/CPrefilter/x.c")).count == 1, "\(text)")
        }
        #expect(
            SourceRules.environmentViolations(
                in: file("ProcessInfo.processInfo.environment", path: "Sources/Gateway/App/Wiring/Vault+Process.swift")
            )
            .isEmpty)
    }

    @Test("work left behind, traps and unexplained promises are found")
    func unfinished() {
        for text in ["// TODO: more", "/* FIXME */", "let x = try! y()", "let x = y as! Z"] {
            #expect(SourceRules.unfinishedViolations(in: file(text)).count == 1, "\(text)")
        }
        #expect(SourceRules.unfinishedViolations(in: file("let x = try y()\nlet word = todo")).isEmpty)
        #expect(SourceRules.sendableViolations(in: file("struct A {}\nfinal class B: @unchecked Sendable {")).count == 1)
        #expect(
            SourceRules.sendableViolations(
                in: file("/// The lock protects it.\n@available(macOS 15, *)\nfinal class B: @unchecked Sendable {")
            ).isEmpty)
    }
}
