import EngineProbe
import GatewayCore

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Measures what arbitrage costs on the path of requests and beside it, on one thread, and ends with status 1 if a decision allocates.
@main
enum ArbitrageBench {
    private static let arms = 10
    private static let dials = ArbitrageDials(qualityPerMilliUSD: 0.2, qualityPerSecond: 0.01)
    private static let hour = RouteStatistics.Hour(index: 0)

    static func main() {
        guard let languages = shippedLanguages() else {
            return fail("the model of languages cannot be read: begin in the repository's folder")
        }
        guard let policy = learned(languages) else { return fail("no model can be made of what was observed") }
        let (features, candidates) = (requests(count: 64, languages), self.candidates)
        var decided = 0
        let decision = measure(per: features.count) {
            for (seed, one) in features.enumerated() {
                decided &+= policy.decision(one, candidates, dials, seed: UInt64(seed), couldExplore: true)?.arm ?? 0
            }
        }
        tell("decision among \(arms) arms", decision)
        var deciding = policy
        var random = Random(state: 5)
        let whole = measure(per: features.count) {
            for one in features { decided &+= deciding.decide(one, candidates, dials, random: &random)?.arm ?? 0 }
        }
        tell("decision with its share of exploration", whole)
        var results = [decision, whole]
        for bytes in [548, 16 << 10] {
            let text = Array(prose(bytes).utf8)
            var extractor = FeatureExtractor(languages: languages)
            let measured = measure(per: 1) {
                text.withUnsafeBytes { decided &+= Int(extractor.features(of: $0, shape: RequestShape())[.length] * 1000) }
            }
            tell("features of \(bytes) bytes", measured)
            results.append(measured)
        }
        var refreshing = policy
        tell("snapshot of \(arms) arms, the prior's weight as it was", measure(per: 1) { refreshing.refresh(now: hour) })
        let statistics = policy.statistics.decayed(now: hour, halfLifeHours: 168)
        tell(
            "snapshot of \(arms) arms, the prior's weight chosen",
            measure(per: 1) { decided &+= BanditModel(id: 1, prior: policy.settings.prior, statistics: statistics)?.armCount ?? 0 })
        if results.contains(where: { $0.allocations > 0 }) { return fail("something on the path of requests allocates") }
        if literal() == 0 { return fail("allocations are not counted here") }
        print("checksum \(decided)")
    }

    private static func fail(_ words: String) {
        print("FAILED: \(words)")
        exit(1)
    }

    private struct Measured {
        var microseconds: Double
        var allocations: UInt64
    }

    /// The median of 21 samples of at least 4 ms, of the thread's own time; allocations of one call when it is warm.
    private static func measure(per calls: Int, _ body: () -> Void) -> Measured {
        body()
        let before = agentshield_allocations_of_this_thread()
        body()
        let allocations = agentshield_allocations_of_this_thread() - before
        let samples = (0..<21).map { _ in
            let start = now()
            var count = 0
            repeat {
                body()
                count += 1
            } while now() - start < 4_000_000
            return Double(now() - start) / Double(count * calls) / 1000
        }
        return Measured(microseconds: samples.sorted()[10], allocations: allocations)
    }

    private static func literal() -> UInt64 {
        let before = agentshield_allocations_of_this_thread()
        let array = Array(repeating: UInt8(1), count: Int(before % 7) + 64)
        return agentshield_allocations_of_this_thread() - before + UInt64(array[0] == 0 ? 1 : 0)
    }

    private static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    private static func tell(_ name: String, _ measured: Measured) {
        let hundredths = Int((measured.microseconds * 100).rounded())
        let padding = String(repeating: " ", count: max(0, 52 - name.count))
        let fraction = hundredths % 100 < 10 ? "0\(hundredths % 100)" : "\(hundredths % 100)"
        print("\(name)\(padding) \(hundredths / 100).\(fraction) µs, \(measured.allocations) allocations")
    }

    // MARK: - What is decided on

    private static var candidates: [ArmCandidate] {
        (0..<arms).map { ArmCandidate(arm: $0, costUSD: 1e-5 * Double($0 + 1), latencySeconds: 0.1 * Double($0)) }
    }

    private static func learned(_ languages: LanguageModel) -> ThompsonPolicy? {
        guard var policy = ThompsonPolicy(.init(prior: BanditPrior(strengths: Array(repeating: 0.5, count: arms)))) else { return nil }
        var random = Random(state: 3)
        for (index, features) in requests(count: 2000, languages).enumerated() {
            policy.observe(arm: index % arms, features, quality: Double(random.next() >> 11) * 0x1p-53, hour: hour)
        }
        policy.refresh(now: hour)
        return policy
    }

    private static func requests(count: Int, _ languages: LanguageModel) -> [FeatureVector] {
        var extractor = FeatureExtractor(languages: languages)
        return (0..<count).map { extractor.features(of: prose(200 + 17 * $0 % 700, seed: UInt64($0))) }
    }

    private static func shippedLanguages() -> LanguageModel? {
        guard let file = fopen("Sources/Gateway/App/Models/languages.tsv", "r") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = bytes.withUnsafeMutableBytes { fread($0.baseAddress, 1, $0.count, file) }
        bytes.removeLast(bytes.count - count)
        return try? LanguageModel(bytes)
    }

    private static func prose(_ bytes: Int, seed: UInt64 = 1) -> String {
        let words = [
            "the", "function", "returns", "a", "list", "of", "42", "numbers", "translate", "into", "French", "who", "wrote", "story", "(x)",
            "?",
        ]
        var random = Random(state: seed)
        var text = ""
        while text.utf8.count < bytes { text += words[Int(random.next() % UInt64(words.count))] + " " }
        return String(text.utf8.prefix(bytes)) ?? text
    }

    /// SplitMix64 (S. Vigna).
    private struct Random: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }
    }
}
