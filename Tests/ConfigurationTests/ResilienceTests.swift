import GatewayCrypto
import Testing

@testable import GatewayConfiguration

@Suite("Resilience in the configuration")
struct ResilienceTests {
    @Test("a file without a word of it gets the documented defaults")
    func defaults() throws {
        let loaded = try Fixture.load(Fixture.minimal).get()
        #expect(
            loaded.resilience.retries
                == Configuration.Retries(
                    maxAttempts: 2, baseDelay: .milliseconds(100), maxDelay: .seconds(1), budgetPercent: 20, budgetMinimumPerSecond: 10))
        #expect(
            loaded.resilience.breaker
                == Configuration.Breaker(
                    isEnabled: true, failurePercent: 50, minimumCalls: 50, window: .seconds(30), openFor: .seconds(5),
                    maxOpenFor: .seconds(60), probes: 1))
        #expect(loaded.models[0].fallback == [] && loaded.models[0].maxAttempts == nil)
        #expect(loaded.providers["main"]?.endpoints.map(\.weight) == [1])
        #expect(loaded.providers["main"]?.maxConnectionAge == .seconds(300))
    }

    @Test("endpoints have what they say, and what they do not say of their provider")
    func endpoints() throws {
        let yaml = Fixture.minimal.replacing(
            "api_key_env: MAIN_KEY}",
            with: #"api_key_env: MAIN_KEY, endpoints: [{weight: 5}, {api_key_env: TOKEN_SECRET}, {base_url: "http://127.0.0.1:1/v2"}]}"#)
        let endpoints = try #require(try Fixture.load(yaml).get().providers["main"]?.endpoints)
        #expect(endpoints.map(\.weight) == [5, 1, 1])
        #expect(endpoints.map(\.baseURL.host) == ["api.example.com", "api.example.com", "127.0.0.1"])
        let main = Secret("credential-of-main")
        #expect(endpoints.map(\.credential) == [main, Secret("shared-secret-of-32-bytes-or-more-0123"), main])
    }

    @Test("what all endpoints say themselves, the provider need not")
    func nothingShared() throws {
        let provider = #"{preset: openai, endpoints: [{base_url: "https://one.example.com/v1", api_key_env: MAIN_KEY}]}"#
        let yaml = Fixture.minimal.replacing(
            #"{dialect: openai, base_url: "https://api.example.com/v1", api_key_env: MAIN_KEY}"#, with: provider)
        let loaded = try #require(try Fixture.load(yaml).get().providers["main"])
        #expect(loaded.baseURL.host == "one.example.com" && loaded.credential == Secret("credential-of-main"))
    }

    @Test("a model's fallback has the models that aliases in it stand for, each once")
    func fallback() throws {
        let yaml =
            Fixture.minimal + """

                  - {name: large, provider: main}
                  - {pattern: "oai-*", provider: main, fallback: [either]}
                  - {name: first, provider: main, fallback: [oai-4, either, large], max_attempts: 4}
                aliases:
                  - {name: either, fallback: [small, large]}
                """
        let models = try Fixture.load(yaml).get().models
        let first = try #require(models.first { $0.name == .exact("first") })
        #expect(first.fallback == ["oai-4", "small", "large"] && first.maxAttempts == 4)
        #expect(models.first { $0.name == .prefix("oai-") }?.fallback == ["small", "large"])
    }

    @Test(
        "what cannot be meant is refused where it stands",
        arguments: [
            (#"  - {name: a, provider: main, fallback: [smal]} # HERE"#, "models[1].fallback[0]", "not in `models` or `aliases`: smal"),
            (#"  - {name: a, provider: main, fallback: [small, a]} # HERE"#, "models[1].fallback", "comes back to the model itself"),
            ("resilience: {retries: {base_delay: 2s}} # HERE", "resilience.retries.base_delay", "longer than `max_delay`"),
            ("resilience: {breaker: {open_for: 2m}} # HERE", "resilience.breaker.open_for", "longer than `max_open_for`"),
        ])
    func refusals(text: String, key: String, problem: String) throws {
        let yaml = Fixture.minimal + "\n" + text
        let fault = try #require(Fixture.faults(yaml).first)
        #expect(fault.key == key && fault.problem.contains(problem), "\(fault)")
        #expect(fault.line == Fixture.markedLine(yaml))
    }

    @Test("an endpoint beyond this machine needs TLS, as a provider does")
    func plaintext() throws {
        let yaml = Fixture.minimal.replacing(
            "api_key_env: MAIN_KEY}", with: #"api_key_env: MAIN_KEY, endpoints: [{base_url: "http://vllm.internal/v1"}]}"#)
        let fault = try #require(Fixture.faults(yaml).first)
        #expect(fault.key == "providers.main.endpoints[0].base_url" && fault.problem.contains("unencrypted"))
    }
}
