import GatewayCore
import NIOCore
import Scrubbing
import SeededRandomness
import Testing

/// One request's calls, played without a provider.
private struct Attempts {
    var sequence: AttemptSequence
    var budget: RetryBudget
    var random = SeededRandom(seed: 7)
    var now = NIODeadline.uptimeNanoseconds(1_000_000_000)

    init(
        _ models: [String] = ["a", "b"], _ policy: RetryPolicy = RetryPolicy(maxAttempts: 3), budget: RetryBudget.Settings = .init(),
        maxAttempts: Int? = nil
    ) throws {
        let settings = ModelSettings(
            price: nil, cache: CacheSettings(mode: .off, timeToLiveNanoseconds: 0), firstByteTimeoutNanoseconds: 1,
            idleTimeoutNanoseconds: 1, maxAttempts: maxAttempts)
        let targets = models.map { UpstreamTarget(model: $0, provider: "p", upstreamModel: $0, settings: settings) }
        let table = ModelTable(models: targets, patterns: [], aliases: [("all", models)])
        let caller = Principal(
            keyID: "k", tenant: "t", models: .all,
            scrub: ScrubRules(name: "default", version: "1", policy: .init(), toolsWithRestoredArguments: []))
        sequence = AttemptSequence(plan: try table.resolve("all", for: caller).get(), policy: policy)
        self.budget = RetryBudget(budget)
    }

    mutating func start() -> String { Self.text(sequence.start()) }

    mutating func failed(
        _ kind: FaultKind, retryAfter: Int64? = nil, delivered: Bool = false, hasOther: Bool = false, left: TimeAmount = .seconds(60)
    ) -> String {
        Self.text(decision(kind, retryAfter: retryAfter, delivered: delivered, hasOther: hasOther, left: left))
    }

    mutating func decision(
        _ kind: FaultKind, retryAfter: Int64? = nil, delivered: Bool = false, hasOther: Bool = false, left: TimeAmount = .seconds(60)
    ) -> AttemptSequence.Decision {
        let fault = Fault(kind, origin: .upstream, message: "The provider failed.", retryAfterMilliseconds: retryAfter)
        return sequence.failed(
            .init(fault, contentWasDelivered: delivered, hasOtherEndpoint: hasOther, timeLeft: left), budget: &budget, now: now,
            random: &random)
    }

    mutating func passOver(retryAfter: Int64?) -> AttemptSequence.Decision {
        sequence.passOver(Fault(.overloaded, origin: .upstream, message: "Left alone.", retryAfterMilliseconds: retryAfter))
    }

    static func text(_ decision: AttemptSequence.Decision) -> String {
        switch decision {
        case .call(let target): "call \(target.model)"
        case .wait(_, let target): "wait, call \(target.model)"
        case .fail(let fault): "fail \(fault.kind.presentation.name)"
        }
    }
}

@Suite("attempts")
struct AttemptSequenceTests {
    @Test(
        "a provider's own faults lead to the same target again, then to the next one, then to the last fault",
        arguments: [.upstreamError, .upstreamUnreachable, .upstreamTimeout, .upstreamBadAnswer, .upstreamRateLimited] as [FaultKind])
    func order(kind: FaultKind) throws {
        var attempts = try Attempts()
        var told = [attempts.start()]
        for _ in 0..<6 { told.append(attempts.failed(kind)) }
        let name = kind.presentation.name
        #expect(told == ["call a", "wait, call a", "wait, call a", "call b", "wait, call b", "wait, call b", "fail \(name)"])
        #expect(attempts.sequence.reason == "fallback:1")
    }

    @Test(
        "the caller's own faults are told at once",
        arguments: [.upstreamRejected, .invalidRequest, .requestTooLarge, .blockedByPolicy, .deadlineExceeded, .cancelled] as [FaultKind])
    func callersFault(kind: FaultKind) throws {
        var attempts = try Attempts()
        _ = attempts.start()
        #expect(attempts.failed(kind) == "fail \(kind.presentation.name)")
    }

    @Test("nobody is asked again once content was delivered")
    func delivered() throws {
        var attempts = try Attempts()
        _ = attempts.start()
        #expect(attempts.failed(.upstreamError, delivered: true) == "fail upstream_error")
    }

    @Test("what does not mend itself leads to the next target at once, and to another endpoint before that")
    func notMending() throws {
        for kind in [.upstreamCredential, .overloaded] as [FaultKind] {
            var attempts = try Attempts()
            _ = attempts.start()
            #expect(attempts.failed(kind, hasOther: true) == "call a")
            #expect(attempts.failed(kind) == "call b")
        }
    }

    @Test("another endpoint is called at once, and counts as an attempt")
    func otherEndpoint() throws {
        var attempts = try Attempts(["a"], RetryPolicy(maxAttempts: 3))
        _ = attempts.start()
        #expect(attempts.failed(.upstreamRateLimited, retryAfter: 90_000, hasOther: true) == "call a")
        #expect(attempts.failed(.upstreamRateLimited, retryAfter: 90_000, hasOther: true) == "call a")
        #expect(attempts.failed(.upstreamRateLimited, retryAfter: 90_000, hasOther: true) == "fail upstream_rate_limited")
    }

    @Test("each wait is drawn from nothing to a ceiling that doubles up to the highest")
    func backoff() throws {
        let policy = RetryPolicy(maxAttempts: 6, baseDelay: .milliseconds(100), maxDelay: .milliseconds(500))
        var longest: [Int64] = [0, 0, 0, 0, 0]
        var shortest: [Int64] = [.max, .max, .max, .max, .max]
        for seed in 0..<400 {
            var attempts = try Attempts(["a"], policy)
            attempts.random = SeededRandom(seed: UInt64(seed))
            _ = attempts.start()
            for number in 0..<5 {
                guard case .wait(let wait, _) = attempts.decision(.upstreamError) else { continue }
                longest[number] = max(longest[number], wait.nanoseconds / 1_000)
                shortest[number] = min(shortest[number], wait.nanoseconds / 1_000)
            }
        }
        let ceilings: [Int64] = [100_000, 200_000, 400_000, 500_000, 500_000]
        for (number, ceiling) in ceilings.enumerated() {
            #expect(longest[number] <= ceiling && longest[number] > ceiling * 9 / 10)
            #expect(shortest[number] < ceiling / 10)
        }
    }

    @Test("a provider's retry-after is waited for in full, and not at all where it is too long for the policy or the deadline")
    func advice() throws {
        let policy = RetryPolicy(maxAttempts: 2, baseDelay: .milliseconds(100), maxDelay: .seconds(2))
        var patient = try Attempts(["a"], policy)
        _ = patient.start()
        guard case .wait(let wait, _) = patient.decision(.upstreamRateLimited, retryAfter: 1_500) else {
            Issue.record("no wait")
            return
        }
        #expect(wait >= .milliseconds(1_500) && wait <= .milliseconds(1_600))

        var long = try Attempts(["a", "b"], policy)
        _ = long.start()
        #expect(long.failed(.upstreamRateLimited, retryAfter: 2_001) == "call b")

        var late = try Attempts(["a", "b"], policy)
        _ = late.start()
        #expect(late.failed(.upstreamRateLimited, retryAfter: 1_500, left: .milliseconds(1_500)) == "call b")
    }

    @Test("the end tells what happened last, and the soonest that any target wants to be asked again")
    func exhausted() throws {
        var attempts = try Attempts(["a", "b", "c"], RetryPolicy(maxAttempts: 1))
        _ = attempts.start()
        _ = attempts.decision(.upstreamRateLimited, retryAfter: 9_000)
        _ = attempts.decision(.upstreamRateLimited, retryAfter: 4_000)
        guard case .fail(let fault) = attempts.decision(.upstreamError) else {
            Issue.record("no end")
            return
        }
        #expect(fault.kind == .upstreamError && fault.retryAfterMilliseconds == 4_000)
    }

    @Test("targets that are passed over are told only where none was called")
    func passedOver() throws {
        var none = try Attempts(["a", "b"])
        _ = none.start()
        #expect(Attempts.text(none.passOver(retryAfter: 8_000)) == "call b")
        guard case .fail(let alone) = none.passOver(retryAfter: 3_000) else {
            Issue.record("no end")
            return
        }
        #expect(alone.kind == .overloaded && alone.retryAfterMilliseconds == 8_000)

        var some = try Attempts(["a", "b"], RetryPolicy(maxAttempts: 1))
        _ = some.start()
        #expect(some.failed(.upstreamTimeout) == "call b")
        guard case .fail(let told) = some.passOver(retryAfter: 3_000) else {
            Issue.record("no end")
            return
        }
        #expect(told.kind == .upstreamTimeout && told.retryAfterMilliseconds == 3_000)
    }

    @Test("a model's own number of attempts goes before the policy's")
    func ownAttempts() throws {
        var attempts = try Attempts(["a"], RetryPolicy(maxAttempts: 5), maxAttempts: 1)
        _ = attempts.start()
        #expect(attempts.failed(.upstreamError) == "fail upstream_error")
    }

    @Test("in an outage calls are made again for a share of the requests alone, whatever the seed", arguments: [1, 2, 3] as [UInt64])
    func budget(seed: UInt64) throws {
        var attempts = try Attempts(["a"], RetryPolicy(maxAttempts: 10), budget: .init(percent: 20, minimumPerSecond: 1))
        var random = SeededRandom(seed: seed)
        let fresh = attempts.sequence
        var repeated = 0
        let requests = 5_000
        for _ in 0..<requests {
            // A hundred requests a second.
            attempts.now = attempts.now + .milliseconds(Int64.random(in: 0...20, using: &random))
            attempts.sequence = fresh
            attempts.budget.requestBegan(now: attempts.now)
            _ = attempts.start()
            while case .wait = attempts.decision(.upstreamError) { repeated += 1 }
        }
        // 50 s: five windows of 20 % and ten calls, and what the edges of windows may add.
        #expect(repeated > requests * 15 / 100)
        #expect(repeated <= requests * 20 / 100 + 10 * 6 + requests * 20 / 100 / 5)
    }
}
