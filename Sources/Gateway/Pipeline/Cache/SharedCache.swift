import GatewayCore
package import GatewayCrypto
package import NIOCore
package import RedisStore

/// How answers are shared through Redis.
package struct SharedCacheSettings: Sendable {
    /// A server of answers alone.
    package struct Server: Sendable {
        package var options: RedisOptions
        package var health: RedisHealth

        package init(options: RedisOptions, health: RedisHealth) {
            self.options = options
            self.health = health
        }
    }

    /// Where answers are kept; `nil`: beside the limits.
    package var answers: Server?
    package var secret: Secret
    /// The secret's name.
    package var secretID: String
    /// Of one bucket of tenants.
    package var maxBytes: Int
    package var maxEntryBytes: Int
    /// For each question on a request's way.
    package var timeout: TimeAmount

    package init(answers: Server?, secret: Secret, secretID: String, maxBytes: Int, maxEntryBytes: Int, timeout: TimeAmount) {
        self.answers = answers
        self.secret = secret
        self.secretID = secretID
        self.maxBytes = maxBytes
        self.maxEntryBytes = maxEntryBytes
        self.timeout = timeout
    }
}

/// Whose answer to what.
final class AnswerName: Sendable {
    let tenant: String
    let model: String
    let key: CacheKey
    /// What it is kept by in Redis, and where who fetches it has a lease.
    let answer: RedisKey
    let flight: RedisKey

    init(tenant: String, model: String, key: CacheKey) {
        self.tenant = tenant
        self.model = model
        self.key = key
        answer = .answer(tenant: tenant, model: model, key)
        flight = .flight(tenant: tenant, key)
    }
}

/// The cache in Redis as one event loop uses it: sealed answers, and the leases of those who fetch them. Confined to its loop.
///
/// Whatever goes wrong is a miss: no answer, one that does not open, no reply in time.
final class SharedCache {
    private let line: RedisLine
    /// A server of answers alone.
    private let answers: RedisClient?
    /// Whether it tells answers, and whether it keeps them: a server that is full does the one and not the other.
    private var telling: RedisVoice?
    private var keeping: RedisVoice?
    /// It answers, and refuses to keep anything.
    private var refusesToKeep = false
    private var isClosed = false
    private let settings: SharedCacheSettings
    private let seal: AnswerSeal
    private let eventLoop: any EventLoop
    /// For what nobody waits for.
    private static let patience = TimeAmount.seconds(5)

    init(line: RedisLine, settings: SharedCacheSettings, eventLoop: any EventLoop) {
        self.line = line
        self.settings = settings
        self.eventLoop = eventLoop
        answers = settings.answers.map { RedisClient(options: $0.options, eventLoop: eventLoop) }
        telling = settings.answers.map { RedisVoice($0.health) }
        keeping = settings.answers.map { RedisVoice($0.health) }
        seal = AnswerSeal(secret: settings.secret, id: settings.secretID, longest: settings.maxEntryBytes)
    }

    /// Whether answers are asked for by themselves, before the limits are.
    var isApart: Bool { answers != nil }

    func look(_ name: AnswerName, leads: Bool) -> RedisLook {
        RedisLook(answer: name.answer, flight: leads ? name.flight : nil)
    }

    func open(_ value: ByteBuffer, _ name: AnswerName) -> StoredAnswer? {
        seal.open(value, as: name.key, of: name.tenant)
    }

    /// Asks the server of answers.
    ///
    /// - Parameter completion: called once, on the loop, perhaps from inside.
    func fetch(_ name: AnswerName, _ completion: @escaping (StoredAnswer?) -> Void) {
        guard let answers else { return completion(nil) }
        answers.send(RedisAnswers.get(name.answer), timeout: settings.timeout).assumeIsolated().whenComplete { [self] result in
            note(result, &telling)
            // Whoever tells answers keeps them too, but where it was that which it refused.
            if case .success = result, !refusesToKeep { note(result, &keeping) }
            completion((try? result.get())?.value.bytes.flatMap { open($0, name) })
        }
    }

    /// Asks for an answer, or for the lease to fetch it.
    ///
    /// - Parameter completion: called once, on the loop, perhaps from inside; with `nil` where Redis does not answer.
    func ask(_ name: AnswerName, holder: String, _ completion: @escaping (RedisLook.Found?) -> Void) {
        line.ask(look(name, leads: true), holder: holder, completion)
    }

    // MARK: streams under way

    var maxEntryBytes: Int { settings.maxEntryBytes }

    /// Whether another replica watches for what comes of a stream.
    ///
    /// - Parameter completion: called once, on the loop, perhaps from inside; with `nil` where Redis does not answer.
    func isWatched(_ name: AnswerName, _ completion: @escaping (Bool?) -> Void) {
        line.ask(RedisTail.isWatched(tailKeys(name))) { completion($0.map { $0.value.integer == 1 }) }
    }

    /// Tells those who watch a piece of a stream; nobody waits for it.
    func publish(_ piece: StoredAnswer, _ name: AnswerName, holder: String, index: Int) {
        guard let sealed = seal.seal(piece, as: name.key, of: name.tenant, at: AnswerSeal.Place(holder: holder, index: index)) else {
            return
        }
        line.tell(RedisTail.publish(RedisTail.Piece(holder: holder, sealed: sealed), index: index, tailKeys(name)))
    }

    func open(_ piece: RedisTail.Piece, _ name: AnswerName, index: Int) -> StoredAnswer? {
        seal.open(piece.sealed, as: name.key, of: name.tenant, at: AnswerSeal.Place(holder: piece.holder, index: index))
    }

    /// Asks what has come of a stream, or for the lease to fetch it.
    ///
    /// - Parameter completion: called once, on the loop, perhaps from inside; with `nil` where Redis does not answer.
    func readTail(_ name: AnswerName, from index: Int, asker: String, _ completion: @escaping (RedisTail.Found?) -> Void) {
        let keys = tailKeys(name)
        line.ask(RedisTail.read(keys, from: index, asker: asker)) { reply in
            // A lease that may have been taken by a question without an answer ends by itself, as that of a replica that died.
            completion(reply.flatMap { RedisTail.found($0, from: index) })
        }
    }

    private func tailKeys(_ name: AnswerName) -> RedisTail.Keys {
        RedisTail.Keys(tenant: name.tenant, answer: name.answer, name.key)
    }

    // MARK: whole answers

    /// Keeps an answer; nobody waits for it. One that is too large is not kept.
    func store(_ answer: StoredAnswer, _ name: AnswerName, milliseconds: Int64) {
        guard answer.cost <= settings.maxEntryBytes, let value = seal.seal(answer, as: name.key, of: name.tenant) else { return }
        let command = RedisAnswers.store(
            value, as: name.answer, bucket: RedisKey.bucket(of: name.tenant), milliseconds: max(1, milliseconds),
            maxBytes: settings.maxBytes)
        guard let answers else { return line.tell(command) }
        answers.send(command, timeout: Self.patience).assumeIsolated().whenComplete { [self] result in
            note(result, &keeping)
            refusesToKeep = if case .failure(RedisFailure.server(let error)) = result { !error.meansNodeIsUnwell } else { false }
        }
    }

    private func note(_ result: Result<RedisReply, any Error>, _ voice: inout RedisVoice?) {
        guard !isClosed else { return }
        switch result {
        case .success: voice?.answered(now: eventLoop.now)
        case .failure(let error): voice?.failed(error as? RedisFailure ?? .refused(.closed), now: eventLoop.now)
        }
    }

    func close() {
        isClosed = true
        answers?.close()
    }
}
