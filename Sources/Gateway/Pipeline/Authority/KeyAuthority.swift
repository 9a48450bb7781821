import GatewayCore
import NIOCore

/// What one event loop knows of keys that are not in the configuration file: what the store said, and who waits for its word.
///
/// Confined to its loop. Each wait has a deadline, whatever the store does; the number of questions under way and of those who wait for them is bounded,
/// and what is beyond is refused at once with `authority_unavailable`.
final class KeyAuthority {
    typealias Answer = Result<Principal, Fault>

    private struct LookUp {
        var waiters: [(Answer) -> Void]
        var deadline: Scheduled<Void>
        /// How often the store has been asked once more.
        var repetitions = 0
    }

    static let lookUpTimeout = TimeAmount.seconds(2)
    /// Questions to the store, from one event loop.
    static let maxLookUps = 32
    /// Requests that wait for answers, on one event loop.
    static let maxWaiters = 512
    static let maxRepetitions = 3

    private let eventLoop: any EventLoop
    private let store: (any KeyDirectory)?
    private let pepperIDs: (current: String, previous: String?)
    private let judge: (KeyLookUp, Credential) -> Answer
    private let clock: WallClock
    private var cache = KeyCache()
    private var lookUps: [CredentialDigest: LookUp] = [:]
    private var waiters = 0
    /// Questions that the store has not answered, also those that nobody waits for any more.
    private var outstanding = 0
    /// The last change that this loop has been told of.
    private var revision: Int64 = 0
    private var isReachable = false
    /// The store has not been heard of for so long that what it said does not count any more.
    private var isStale = true

    init(
        eventLoop: any EventLoop, access: KeyAccess, clock: WallClock, judge: @escaping (KeyLookUp, Credential) -> Answer
    ) {
        self.eventLoop = eventLoop
        store = access.store
        pepperIDs = (access.pepper.id, access.previous?.id)
        self.clock = clock
        self.judge = judge
    }

    /// Without asking anybody.
    func recognise(_ credential: Credential) -> Recognition {
        guard store != nil else { return .refused(.unknownCredential) }
        guard !isStale else { return .refused(.authorityUnavailable) }
        let now = milliseconds
        switch cache.entry(for: credential.digest, now: now) {
        case .principal(let principal): return .known(principal)
        case .refused(let fault): return .refused(fault)
        case nil: break
        }
        if cache.isUnknown(credential.digest, now: now) { return .refused(.unknownCredential) }
        return isReachable ? .unknown(credential) : .refused(.authorityUnavailable)
    }

    /// Whether the answer about a credential still counts.
    func knows(_ credential: Credential) -> Bool {
        if case .principal = cache.entry(for: credential.digest, now: milliseconds) { true } else { false }
    }

    /// Asks the store. Equal questions under way are one. `completion` is called once, on this loop, perhaps before this returns.
    func lookUp(_ credential: Credential, completion: @escaping (Answer) -> Void) {
        let digest = credential.digest
        guard waiters < Self.maxWaiters, lookUps[digest] != nil || outstanding < Self.maxLookUps, isReachable else {
            return completion(.failure(.authorityUnavailable))
        }
        waiters += 1
        guard lookUps[digest] == nil else {
            lookUps[digest]?.waiters.append(completion)
            return
        }
        let deadline = eventLoop.assumeIsolated().scheduleTask(in: Self.lookUpTimeout) { [weak self] () -> Void in
            self?.finish(digest, .failure(.authorityUnavailable))
        }
        lookUps[digest] = LookUp(waiters: [completion], deadline: deadline)
        ask(credential)
    }

    private func ask(_ credential: Credential) {
        guard let store else { return }
        outstanding += 1
        var hashes = [KeyHash(pepperID: pepperIDs.current, digest: credential.digest)]
        if let id = pepperIDs.previous, let digest = credential.previous { hashes.append(KeyHash(pepperID: id, digest: digest)) }
        let question = hashes
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        Task {
            let answer: Result<KeyAnswer, ControlError>
            do throws(ControlError) {
                answer = .success(try await store.lookUp(question))
            } catch {
                answer = .failure(error)
            }
            let told = answer
            bound.eventLoop.execute { bound.value.storeAnswered(told, to: credential) }
        }
    }

    private func storeAnswered(_ answer: Result<KeyAnswer, ControlError>, to credential: Credential) {
        outstanding -= 1
        guard case .success(let answer) = answer else { return finish(credential.digest, .failure(.authorityUnavailable)) }
        // It was read before a change that this loop knows of already, and may be what the change undid.
        guard answer.revision >= revision else {
            guard let repetitions = lookUps[credential.digest]?.repetitions else { return }
            // A store that goes on telling what is past is none to rest on, such as a copy that lags behind.
            guard repetitions < Self.maxRepetitions else { return finish(credential.digest, .failure(.authorityUnavailable)) }
            lookUps[credential.digest]?.repetitions += 1
            return ask(credential)
        }
        finish(credential.digest, remember(answer.found, credential))
    }

    private func remember(_ found: KeyLookUp?, _ credential: Credential) -> Answer {
        guard let found, found.isValid else {
            cache.insertUnknown(credential, now: milliseconds)
            return .failure(.unknownCredential)
        }
        let answer = judge(found, credential)
        let entry: KeyCache.Entry =
            switch answer {
            case .success(let principal): .principal(principal)
            case .failure(let fault): .refused(fault)
            }
        let end = found.endsAtUnixSeconds.map { $0.multipliedReportingOverflow(by: 1_000) }
        cache.insert(
            entry, for: credential, key: found.key.id, tenant: found.key.tenant,
            endsAt: end.map { $0.overflow ? .max : $0.partialValue })
        return answer
    }

    private func finish(_ digest: CredentialDigest, _ answer: Answer) {
        guard let lookUp = lookUps.removeValue(forKey: digest) else { return }
        lookUp.deadline.cancel()
        waiters -= lookUp.waiters.count
        for waiter in lookUp.waiters { waiter(answer) }
    }

    private var milliseconds: Int64 { Int64(clamping: clock.unixMilliseconds()) }

    // MARK: news

    func apply(_ update: AuthorityUpdate) {
        revision = update.revision
        if let changes = update.changes { cache.forget(changes) } else { cache.forgetAll() }
    }

    /// The rules by which answers were judged are others now.
    func forgetAll() {
        cache.forgetAll()
    }

    func storeHeard(isReachable: Bool, isStale: Bool) {
        self.isReachable = isReachable
        self.isStale = isStale
    }
}
