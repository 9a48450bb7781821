import Foundation
import Testing

@testable import GatewayConfiguration

@Suite("Providers that are known by name")
struct PresetTests {
    private static func load(_ provider: String, _ environment: [String: String] = [:]) throws -> Configuration.Provider {
        let text = Fixture.minimal.replacing(
            #"{dialect: openai, base_url: "https://api.example.com/v1", api_key_env: MAIN_KEY}"#, with: provider)
        return try #require(Fixture.load(text, environment: Fixture.environment.merging(environment) { $1 }).get().providers["main"])
    }

    private static func faults(_ provider: String) -> [ConfigurationFault] {
        Fixture.faults(
            Fixture.minimal.replacing(#"{dialect: openai, base_url: "https://api.example.com/v1", api_key_env: MAIN_KEY}"#, with: provider))
    }

    @Test("each needs no more than its name and its credential", arguments: Configuration.ProviderPreset.allCases)
    func names(preset: Configuration.ProviderPreset) throws {
        let traits = preset.traits
        let url = traits.baseURL == nil ? ", base_url: \"https://acme.openai.azure.com\"" : ""
        let provider = try Self.load(
            "{preset: \(preset.rawValue)\(url)}", traits.credential.map { [$0: "credential-of-the-preset"] } ?? [:])
        #expect(provider.dialect == traits.dialect)
        #expect((provider.credential == nil) == (traits.credential == nil))
        #expect(!provider.baseURL.host.isEmpty)
        #expect(provider.baseURL.usesTLS || provider.baseURL.isLoopback)
        #expect(provider.refusesStreamOptions == (preset == .mistral))
    }

    @Test("docs/dialects.md has each as it is", arguments: Configuration.ProviderPreset.allCases)
    func documented(preset: Configuration.ProviderPreset) throws {
        let text = try String(contentsOf: Fixture.root.appendingPathComponent("docs/dialects.md"), encoding: .utf8)
        let row = try #require(text.split(separator: "\n").first { $0.hasPrefix("| `") && $0.contains("`\(preset.rawValue)`") })
        if let url = preset.traits.baseURL { #expect(row.contains("`\(url)`")) }
        if let credential = preset.traits.credential { #expect(row.contains("`\(credential)`")) } else { #expect(row.contains("| none |")) }
        #expect(row.contains("| \(preset.traits.dialect.rawValue) |"))
    }

    @Test("what the entry says goes before what its preset does")
    func overrides() throws {
        let provider = try Self.load("{preset: groq, base_url: \"https://groq.example/v9\", api_key_env: MAIN_KEY}")
        #expect(provider.baseURL.host == "groq.example" && provider.baseURL.path == "/v9")
        #expect(provider.credential != nil)
    }

    @Test("Azure has two forms of URL, and a header of its own")
    func azure() throws {
        let base = "preset: azure, base_url: \"https://acme.openai.azure.com\", api_key_env: MAIN_KEY"
        let unversioned = try Self.load("{\(base)}")
        #expect(unversioned.baseURL.path == "/openai/v1" && unversioned.deploymentsVersion == nil)
        #expect(unversioned.credentialHeader == .apiKey)
        let versioned = try Self.load("{\(base), azure_api_version: 2024-10-21}")
        #expect(versioned.baseURL.path == "/openai" && versioned.deploymentsVersion == "2024-10-21")
    }

    @Test(
        "what contradicts a preset, or is missing beside it, is refused",
        arguments: [
            ("{preset: groq, dialect: openai, api_key_env: MAIN_KEY}", "providers.main.dialect", "stands beside `preset`"),
            ("{preset: grok}", "providers.main.preset", "is none of its choices"),
            ("{preset: groq}", "providers.main.api_key_env", "neither GROQ_API_KEY nor GROQ_API_KEY_FILE is set"),
            ("{preset: azure, api_key_env: MAIN_KEY}", "providers.main.base_url", "is missing"),
            ("{preset: vllm, azure_api_version: \"1\"}", "providers.main.azure_api_version", "is for `preset: azure` alone"),
            ("{base_url: \"https://a.example\"}", "providers.main.dialect", "is missing"),
            ("{dialect: openai}", "providers.main.base_url", "is missing"),
        ])
    func refusals(provider: String, key: String, problem: String) {
        let faults = Self.faults(provider)
        #expect(faults.count == 1 && faults[0].key == key && faults[0].problem.contains(problem), "\(faults)")
    }
}
