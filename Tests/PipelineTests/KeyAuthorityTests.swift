import GatewayCore
import GatewayCrypto
import NIOCore
import NIOEmbedded
import ProcessSupport
import Synchronization
import Testing

@testable import GatewayPipeline

/// A store that answers when the test says so.
private final class HeldDirectory: KeyDirectory {
    typealias Reply = Result<KeyAnswer, ControlError>

    private struct State {
        var held: [(hashes: [KeyHash], reply: CheckedContinuation<Reply, Never>)] = []
        var asked = 0
        /// What it says at once; `nil`: nothing.
        var usual: KeyAnswer?
    }

    private let state = Mutex(State())

    /// Questions so far, and those that wait for an answer.
    var asked: Int { state.withLock { $0.asked } }
    var waiting: Int { state.withLock { $0.held.count } }

    func sayAtOnce(_ answer: KeyAnswer?) { state.withLock { $0.usual = answer } }

    /// Answers the question that came first, of those about a credential if one is named: questions are tasks, and come in any order.
    func answer(_ reply: Reply, about credential: Credential? = nil) throws {
        let held = try state.withLock { state in
            let index = try #require(
                state.held.firstIndex { question in
                    credential.map { asked in question.hashes.contains { $0.digest == asked.digest } } ?? true
                })
            return state.held.remove(at: index)
        }
        held.reply.resume(returning: reply)
    }

    func lookUp(_ hashes: [KeyHash]) async throws(ControlError) -> KeyAnswer {
        let reply = await withCheckedContinuation { continuation in
            let usual = state.withLock { state -> KeyAnswer? in
                state.asked += 1
                if state.usual == nil { state.held.append((hashes, continuation)) }
                return state.usual
            }
            if let usual { continuation.resume(returning: .success(usual)) }
        }
        return try reply.get()
    }
}

/// The bounds that docs/control-plane.md tells, each reached, with the answer that is told there.
@Suite("what an event loop knows of the store's keys", .timeLimit(.minutes(4)))
struct KeyAuthorityTests {
    private let loop = NIOAsyncTestingEventLoop()
    private let store = HeldDirectory()
    private let authority: NIOLoopBound<KeyAuthority>
    private let told: NIOLoopBound<Told>

    private enum Answer: Equatable {
        case key(String)
        case refused(FaultKind)
    }

    private final class Told {
        var answers: [Answer] = []
    }

    init() async throws {
        let (loop, store) = (loop, store)
        (authority, told) = try await loop.executeInContext {
            let authority = KeyAuthority(
                eventLoop: loop, access: KeyAccess(store: store, pepper: Pepper(id: "1", secret: Secret("pepper"))),
                clock: WallClock { 1_900_000_000_000 }
            ) { found, credential in KeyRules(policies: ["default": Callers.plain.scrub]).principal(of: found, credential) }
            authority.storeHeard(isReachable: true, isStale: false)
            return (NIOLoopBound(authority, eventLoop: loop), NIOLoopBound(Told(), eventLoop: loop))
        }
    }

    private static func credential(_ number: Int) throws -> Credential {
        Credential(try #require(CredentialDigest((0..<32).map { UInt8(truncatingIfNeeded: number >> (8 * ($0 % 4))) })))
    }

    private static func found(_ id: String, revision: Int64 = 0) -> KeyAnswer {
        let key = KeyRecord(
            tenant: "initech", id: id, department: nil, user: nil, permissions: KeyPermissions(), createdAtUnixSeconds: 0,
            expiresAtUnixSeconds: nil, revokedAtUnixSeconds: nil, epoch: 1)
        let tenant = Tenant(id: "initech", name: "Initech", region: nil, pausedAtUnixSeconds: nil)
        return KeyAnswer(revision: revision, found: KeyLookUp(key: key, tenant: tenant, endsAtUnixSeconds: nil, isValid: true))
    }

    private static let nobody = KeyAnswer(revision: 0, found: nil)

    /// Asks for a credential as often as is said.
    private func ask(_ number: Int, times: Int = 1) async throws {
        let credential = try Self.credential(number)
        try await loop.executeInContext { [authority, told] in
            for _ in 0..<times {
                authority.value.lookUp(credential) { answer in
                    switch answer {
                    case .success(let principal): told.value.answers.append(.key(principal.keyID))
                    case .failure(let fault): told.value.answers.append(.refused(fault.kind))
                    }
                }
            }
        }
    }

    private var answers: [Answer] {
        get async throws { try await loop.executeInContext { [told] in told.value.answers } }
    }

    private func recognise(_ number: Int) async throws -> String {
        let credential = try Self.credential(number)
        return try await loop.executeInContext { [authority] in
            switch authority.value.recognise(credential) {
            case .known(let principal): principal.keyID
            case .unknown: "unknown"
            case .refused(let fault): "\(fault.kind)"
            }
        }
    }

    /// Lets what is under way happen, until a fact is there.
    private func settle(_ isThere: () async throws -> Bool) async throws {
        try await until("what was to be settled") {
            if try await isThere() { return true }
            await loop.run()
            return false
        }
    }

    @Test("32 questions are under way at most; whoever asks another is refused at once, whoever asks one of them waits with it")
    func questions() async throws {
        for number in 0..<KeyAuthority.maxLookUps { try await ask(number) }
        try await settle { store.waiting == KeyAuthority.maxLookUps }
        #expect(KeyAuthority.maxLookUps == 32)
        try await ask(99)
        #expect(try await answers == [.refused(.authorityUnavailable)])
        try await ask(0)
        #expect(try await answers.count == 1 && store.asked == 32)
        try store.answer(.success(Self.found("k")), about: Self.credential(0))
        try await settle { try await answers.count >= 3 }
        #expect(try await answers.dropFirst() == [.key("k"), .key("k")])
        // There is room for one.
        try await ask(99)
        try await ask(100)
        #expect(try await answers.count == 4 && store.waiting <= 32)
        try await settle { store.asked == 33 }
        try store.answer(.success(Self.nobody), about: Self.credential(99))
        try await settle { try await answers.count == 4 + 1 }
        #expect(try await answers.last == .refused(.unauthenticated))
        while store.waiting > 0 { try store.answer(.failure(.unavailable(""))) }
        try await settle { try await answers.count == 4 + 32 }
        #expect(try await answers.suffix(31) == [Answer](repeating: .refused(.authorityUnavailable), count: 31)[...])
    }

    @Test("512 requests wait at most; the next is refused at once, and all who wait hear the one answer")
    func waiters() async throws {
        #expect(KeyAuthority.maxWaiters == 512)
        try await ask(1, times: 512)
        try await ask(1)
        try await ask(2)
        #expect(try await answers == [.refused(.authorityUnavailable), .refused(.authorityUnavailable)])
        try await settle { store.waiting == 1 }
        try store.answer(.success(Self.found("k")))
        try await settle { try await answers.count == 514 }
        #expect(try await answers.dropFirst(2).allSatisfy { $0 == .key("k") } && store.asked == 1)
        #expect(try await recognise(1) == "k")
    }

    @Test("nobody waits longer than two seconds; a question that the store never answers keeps its place, and its late answer is nobody's")
    func time() async throws {
        for number in 0..<32 { try await ask(number) }
        try await settle { store.waiting == 32 }
        await loop.advanceTime(by: .milliseconds(1_999))
        #expect(try await answers.isEmpty)
        await loop.advanceTime(by: .milliseconds(1))
        #expect(try await answers == [Answer](repeating: .refused(.authorityUnavailable), count: 32))
        try await ask(50)
        #expect(try await answers.count == 33 && store.asked == 32)
        while store.waiting > 0 { try store.answer(.success(Self.found("late"))) }
        // Once the answers have come there is room again.
        try await settle {
            try await ask(60)
            return store.waiting > 0
        }
        #expect(try await answers.dropFirst(33).allSatisfy { $0 == .refused(.authorityUnavailable) })
    }

    @Test("8,192 known keys and 4,096 unknown ones are remembered; of more the longest unused are asked for again")
    func memory() async throws {
        var asked = 0
        // The first ones one behind the other, for they are the longest unused; the others many at once, for thousands of waits would take minutes.
        func fill(_ count: Int, from first: Int, _ answer: KeyAnswer) async throws {
            store.sayAtOnce(answer)
            var next = first
            while next < first + count {
                let batch = next < first + 4 ? 1 : min(KeyAuthority.maxLookUps, first + count - next)
                let before = try await answers.count
                for number in next..<next + batch { try await ask(number) }
                next += batch
                try await settle { try await answers.count == before + batch }
            }
            // None was refused for want of room: each is known now, or is known not to be.
            #expect(store.asked == asked + count)
            asked += count
        }
        try await fill(8_192, from: 0, Self.found("k"))
        #expect(try await recognise(0) == "k")
        try await fill(1, from: 8_192, Self.found("k"))
        // The first was used a moment ago, the second was not.
        #expect(try await recognise(0) == "k")
        #expect(try await recognise(1) == "unknown")
        try await fill(4_097, from: 100_000, Self.nobody)
        #expect(try await recognise(100_000) == "unknown")
        #expect(try await recognise(100_001) == "unauthenticated")
        // However many nobody knows, those who are known stay so.
        #expect(try await recognise(2) == "k")
    }

    @Test("an answer that is older than a change is asked for again, three times, and is then none")
    func stale() async throws {
        try await ask(1)
        try await settle { store.waiting == 1 }
        try await loop.executeInContext { [authority] in
            authority.value.apply(AuthorityUpdate(revision: 5, changes: [], isStopped: false, isWhole: true))
        }
        for asked in 1...3 {
            try store.answer(.success(Self.found("old", revision: 4)))
            try await settle { store.asked == asked + 1 && store.waiting == 1 }
        }
        try store.answer(.success(Self.found("old", revision: 4)))
        try await settle { try await !answers.isEmpty }
        #expect(try await answers == [.refused(.authorityUnavailable)])
        #expect(try await recognise(1) == "unknown")
    }

    @Test("a store that is out of reach is not asked; what it said counts until it is stale")
    func outOfReach() async throws {
        store.sayAtOnce(Self.found("k"))
        try await ask(1)
        try await settle { try await !answers.isEmpty }
        func hear(isReachable: Bool, isStale: Bool) async throws {
            try await loop.executeInContext { [authority] in authority.value.storeHeard(isReachable: isReachable, isStale: isStale) }
        }
        try await hear(isReachable: false, isStale: false)
        #expect(try await recognise(1) == "k")
        #expect(try await recognise(2) == "\(FaultKind.authorityUnavailable)")
        try await ask(2)
        #expect(try await answers.last == .refused(.authorityUnavailable) && store.asked == 1)
        try await hear(isReachable: false, isStale: true)
        #expect(try await recognise(1) == "\(FaultKind.authorityUnavailable)")
        try await hear(isReachable: true, isStale: false)
        #expect(try await recognise(1) == "k")
    }
}
