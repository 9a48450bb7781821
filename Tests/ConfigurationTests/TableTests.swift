import Foundation
import Testing

@testable import GatewayConfiguration

@Suite("The table of keys")
struct TableTests {
    @Test("the loader reads every key of the table, and the complete file has each of them")
    func coverage() throws {
        let reading = ConfigurationReading(
            file: "/etc/agentshield/gateway.yaml", vault: Fixture.vault(CompleteFile.environment, CompleteFile.files))
        _ = try ConfigurationLoader.load(Array(CompleteFile.yaml.utf8), reading).get()
        let table = ConfigurationKey.all.map(\.path)
        #expect(Set(table).count == table.count)
        #expect(reading.requestedPaths.symmetricDifference(table) == [])
        for key in ConfigurationKey.all { #expect(CompleteFile.yaml.contains("\(key.name):"), "\(key.path) is not in the complete file") }
    }

    @Test("each key says what it means")
    func meanings() {
        for key in ConfigurationKey.all { #expect(key.meaning.hasSuffix("."), "\(key.path)") }
    }

    @Test("each key stands below a section that is in the table too")
    func parents() {
        let table = Dictionary(uniqueKeysWithValues: ConfigurationKey.all.map { ($0.path, $0.type) })
        for key in ConfigurationKey.all where !key.parent.isEmpty {
            if key.parent.hasSuffix("[]") {
                #expect(table[String(key.parent.dropLast(2))] == .sections, "\(key.path)")
            } else if key.parent.hasSuffix(".*") {
                #expect(table[String(key.parent.dropLast(2))] == .namedSections, "\(key.path)")
            } else {
                #expect(table[key.parent] == .section, "\(key.path)")
            }
        }
    }

    @Test("each default is a value that the file could give")
    func defaults() {
        for key in ConfigurationKey.all {
            guard case .defaultText(let text) = key.absence else { continue }
            let type = if case .list(let element) = key.type { element } else { key.type }
            #expect(throws: Never.self, "\(key.path)") { try type.parse(text) }
        }
    }

    @Test("docs/configuration.md has the generated part as it would be generated now")
    func documentation() throws {
        let file = Fixture.root.appendingPathComponent("docs/configuration.md")
        let text = try String(contentsOf: file, encoding: .utf8)
        let begin = try #require(text.range(of: ConfigurationReference.begin))
        let end = try #require(text.range(of: ConfigurationReference.end))
        let written = text[begin.lowerBound..<end.upperBound]
        if written != ConfigurationReference.markdown, ProcessInfo.processInfo.environment["AGENTSHIELD_RECORD"] == "1" {
            try text.replacingCharacters(in: begin.lowerBound..<end.upperBound, with: ConfigurationReference.markdown).write(
                to: file, atomically: true, encoding: .utf8)
        }
        #expect(
            written == ConfigurationReference.markdown,
            "docs/configuration.md is out of date; AGENTSHIELD_RECORD=1 swift test --filter ConfigurationTests writes it anew")
    }

    private static let exampleSecrets = ["OPENAI_API_KEY": "credential-of-openai"]

    @Test("the example loads, and shows every key")
    func example() throws {
        let file = Fixture.root.appendingPathComponent("examples/gateway.yaml")
        let text = try String(contentsOf: file, encoding: .utf8)
        let loaded = try Fixture.load(text, environment: Fixture.environment.merging(Self.exampleSecrets) { $1 }).get()
        #expect(loaded.models.count == 3)
        for key in ConfigurationKey.all { #expect(text.contains("\(key.name):"), "\(key.path) is not in the example") }
    }

    @Test("the example's values are the defaults, where there are any")
    func exampleDefaults() throws {
        let text = try String(contentsOf: Fixture.root.appendingPathComponent("examples/gateway.yaml"), encoding: .utf8)
        let example = try Fixture.load(text, environment: Fixture.environment.merging(Self.exampleSecrets) { $1 })
            .get()
        let minimal = try Fixture.load(Fixture.minimal).get()
        #expect(example.limits == minimal.limits)
        #expect(example.cache == minimal.cache)
        #expect(example.log == minimal.log)
        #expect(example.drainDeadline == minimal.drainDeadline)
        #expect(example.scrub.policies["default"]?.actions == minimal.scrub.policies["default"]?.actions)
        #expect(example.listen.tls?.address == minimal.listen.tls?.address)
        #expect(example.listen.admin == minimal.listen.admin)
        #expect(example.providers["openai"]?.maxConnectionsPerLoop == minimal.providers["main"]?.maxConnectionsPerLoop)
        #expect(example.providers["openai"]?.firstByteTimeout == minimal.providers["main"]?.firstByteTimeout)
    }
}
