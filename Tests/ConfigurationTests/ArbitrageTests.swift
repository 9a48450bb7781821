import GatewayCore
import Testing

@testable import GatewayConfiguration

@Suite("Arbitrated names in the configuration")
struct ArbitrageConfigurationTests {
    private static let models = """
        auth:
          keys:
            - {id: k1, hash: "\(Fixture.zeroHash)", tenant: acme}
        providers:
          main: {dialect: openai, base_url: "https://api.example.com/v1", api_key_env: MAIN_KEY}
          listed: {preset: openai, api_key_env: MAIN_KEY}
        models:
          - {name: small, provider: main, price: {input: 1, output: 2}}
          - {name: large, provider: main, price: {input: 10, output: 20}}
          - {name: unpriced, provider: main}
          - {name: gpt-4o, provider: listed, price: {input: 2.5, output: 10}}
          - {pattern: "many-*", provider: main, price: free}

        """

    private static func faults(_ aliases: String, _ rest: String = "") -> [String] {
        Fixture.faults(models + "aliases:\n  - {name: auto, arbitrage: {\(aliases)}}\n" + rest).map {
            "\($0.key): \($0.problem)"
        }
    }

    @Test("a name needs no more than its arms, which may be of a pattern")
    func defaults() throws {
        let loaded = try Fixture.load(
            Self.models + "aliases:\n  - {name: auto, arbitrage: {arms: [small, many-1]}}\n"
        ).get()
        let auto = try #require(loaded.aliases.first?.arbitrage)
        #expect(auto.arms == ["small", "many-1"] && auto.replaces.isEmpty)
        #expect(
            auto.settings.policy == .thompson && auto.settings.isSticky
                && auto.settings.halfLifeHours == 168)
        #expect(
            auto.settings.floor == nil && auto.settings.seed == nil
                && auto.settings.explorationNanoUSDPerHour == nil)
        #expect(loaded.arbitrage.file == nil && loaded.arbitrage.refresh == .seconds(2))
        #expect(loaded.models.allSatisfy { $0.traits == ModelTraits() })
    }

    @Test(
        "what cannot be is refused, with its key",
        arguments: [
            ("policy: thompson", "aliases[0].arbitrage.arms: is missing"),
            ("arms: []", "aliases[0].arbitrage.arms: is an empty list"),
            (
                "arms: [small, smal]",
                "aliases[0].arbitrage.arms[1]: names a model that is not in `models` or `aliases`: smal"
            ),
            ("arms: [small, small]", "aliases[0].arbitrage.arms[1]: is there twice"),
            ("arms: [small, unpriced]", "aliases[0].arbitrage.arms[1]: has no price: unpriced"),
            ("arms: [small], polcy: fixed", "aliases[0].arbitrage.polcy: is no key"),
            ("arms: [small], policy: best", "aliases[0].arbitrage.policy: is none of its choices"),
            ("arms: [small], lambda: -1", "aliases[0].arbitrage.lambda: is no decimal number"),
            ("arms: [small], lambda: 1000001", "aliases[0].arbitrage.lambda: is out of range"),
            ("arms: [small], floor: 1.5", "aliases[0].arbitrage.floor: is no score"),
            ("arms: [small], epsilon: 0.1", "aliases[0].arbitrage.epsilon: is of `epsilon-greedy` alone"),
            (
                "arms: [small], policy: fixed, explore: {share: 0.1}",
                "aliases[0].arbitrage.explore: is of `thompson` alone"
            ),
            ("arms: [small], policy: fixed, floor: 0.5", "aliases[0].arbitrage.floor: is of `thompson` alone"),
            ("arms: [small], policy: epsilon-greedy, half_life: 2h", "aliases[0].arbitrage.half_life: is of `thompson` alone"),
            ("arms: [small], policy: cheapest, sticky: false", "aliases[0].arbitrage.sticky: is of policies that learn"),
            ("arms: [small], policy: fixed, seed: 1", "aliases[0].arbitrage.seed: is of policies that leave something to chance"),
            ("arms: [small], weights: [small=1]", "aliases[0].arbitrage.weights: is of `weighted` alone"),
            (
                "arms: [small], policy: weighted, weights: [large=1]",
                "aliases[0].arbitrage.weights[0]: is no arm with its weight"
            ),
            (
                "arms: [small], policy: weighted, weights: [small=0]",
                "aliases[0].arbitrage.weights: has none above 0"
            ),
            ("arms: [small], replaces: [large]", "aliases[0].arbitrage.replaces[0]: is no arm: large"),
            ("arms: [small], half_life: 1m", "aliases[0].arbitrage.half_life: is out of range"),
        ])
    func refused(arbitrage: String, fault: String) {
        let faults = Self.faults(arbitrage)
        #expect(faults.contains { $0.hasPrefix(fault) }, "\(faults)")
    }

    @Test("a name has either a fallback or arbitrage, and is no part of another")
    func shapes() {
        func faults(_ aliases: String) -> [String] {
            Fixture.faults(Self.models + "aliases:\n" + aliases).map { "\($0.key): \($0.problem)" }
        }
        #expect(faults("  - {name: auto}\n") == ["aliases[0]: has neither `fallback` nor `arbitrage`"])
        #expect(
            faults("  - {name: auto, fallback: [small], arbitrage: {arms: [small]}}\n") == [
                "aliases[0].fallback: stands beside `arbitrage`, whose arms are called behind each other"
            ])
        #expect(
            faults("  - {name: auto, arbitrage: {arms: [small]}}\n  - {name: smart, fallback: [auto]}\n")
                == [
                    "aliases[1].fallback[0]: is arbitrated: auto"
                ])
        let behind = Fixture.faults(
            Self.models.replacing(
                "{name: unpriced, provider: main}", with: "{name: unpriced, provider: main, price: free, fallback: [auto]}")
                + "aliases:\n  - {name: auto, arbitrage: {arms: [small]}}\n")
        #expect(behind.map { "\($0.key): \($0.problem)" } == ["models[2].fallback[0]: is arbitrated: auto"])
        let twice = faults(
            "  - {name: a, arbitrage: {arms: [small, large], replaces: [large]}}\n  - {name: b, arbitrage: {arms: [large], replaces: [large]}}\n"
        )
        #expect(
            twice == ["aliases[1].arbitrage.replaces: has a model that another name replaces too: large"])
    }

    @Test("an arm may be without a price where one can still come: a store, or a ceiling")
    func prices() {
        #expect(
            Self.faults(
                "arms: [small, unpriced]", "prices: {unknown: ceiling, ceiling: {input: 1, output: 1}}\n")
                == [])
        #expect(Self.faults("arms: [small, unpriced]", "control: {file: control.sqlite}\n") == [])
    }
}
