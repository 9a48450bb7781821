package import GatewayCore
package import GatewayCrypto
package import NIOCore
import RedisStore

/// How streams that lost their connection are shared through Redis.
package struct SharedResumptionSettings: Sendable {
    package var secret: Secret
    /// The secret's name.
    package var secretID: String
    /// The longest piece that is opened, in bytes.
    package var maxPieceBytes: Int

    package init(secret: Secret, secretID: String, maxPieceBytes: Int) {
        self.secret = secret
        self.secretID = secretID
        self.maxPieceBytes = maxPieceBytes
    }
}

/// Streams that lost their connection, as one event loop shares them with the other replicas: sealed, so that their principal's requests alone can read
/// them, and each piece in its place alone. Confined to its loop.
package final class SharedResumptions {
    private let line: RedisLine
    private let seal: ValueSeal
    private let options: RedisOptions
    private let timeout: TimeAmount
    private let eventLoop: any EventLoop
    /// What is read goes through a connection of its own, that of the limits has no long replies; `nil`: nobody has resumed here yet.
    private var reading: RedisClient?

    init(line: RedisLine, redis: RedisLimitSettings, settings: SharedResumptionSettings, eventLoop: any EventLoop) {
        self.line = line
        self.eventLoop = eventLoop
        options = redis.options
        timeout = redis.timeout
        seal = ValueSeal(
            secret: settings.secret, id: settings.secretID, purpose: "agentshield resumption values 1", longest: settings.maxPieceBytes)
    }

    /// Whose stream it is.
    package struct Name: Sendable {
        package let id: RequestID
        package let tenant: String
        /// The principal within the tenant.
        package let owner: [String]

        package init(id: RequestID, tenant: String, owner: [String]) {
            self.id = id
            self.tenant = tenant
            self.owner = owner
        }

        fileprivate var keys: RedisResumption.Keys { RedisResumption.Keys(tenant: tenant, id.description) }

        /// What a piece opens with: its stream, its principal, its place.
        fileprivate func associatedData(_ index: Int) -> [UInt8] {
            let parts = [[UInt8](id.description.utf8), [UInt8](tenant.utf8)] + owner.map { [UInt8]($0.utf8) }
            let place = Array(ByteBuffer(integer: UInt64(clamping: index)).readableBytesView)
            return parts.reduce(into: place) { data, part in
                data += Array(ByteBuffer(integer: UInt32(clamping: part.count)).readableBytesView) + part
            }
        }
    }

    // MARK: the replica that has the stream

    /// Nobody waits for it.
    package func publish(_ piece: ByteBuffer, index: Int, of name: Name) {
        guard let sealed = seal.seal(Array(piece.readableBytesView), of: name.tenant, named: name.associatedData(index)) else { return }
        line.tell(RedisResumption.publish(sealed, index: index, name.keys))
    }

    /// Whether another replica reads it.
    ///
    /// - Parameter completion: called once, on the loop, perhaps from inside; with `nil` where Redis does not answer.
    package func isWatched(_ name: Name, _ completion: @escaping (Bool?) -> Void) {
        line.ask(RedisResumption.isWatched(name.keys)) { completion($0.map { $0.value.integer == 1 }) }
    }

    // MARK: the replica that has the caller

    /// Asks what came behind the first `count` pieces, and says that somebody reads.
    ///
    /// - Parameter completion: called once, on the loop, perhaps from inside; with `nil` where Redis does not answer.
    package func read(_ name: Name, from count: Int, _ completion: @escaping ([ByteBuffer]?) -> Void) {
        let client = reading ?? RedisClient(options: options, eventLoop: eventLoop)
        reading = client
        // The first question waits for the connection.
        let patience = timeout + options.limits.connectTimeout
        client.send(RedisResumption.watch(name.keys), timeout: patience).whenComplete { _ in }
        client.send(RedisResumption.read(name.keys, from: count), timeout: patience).assumeIsolated().whenComplete { result in
            completion((try? result.get()).flatMap(RedisResumption.pieces))
        }
    }

    /// - Returns: `nil`: it is not this principal's, not in its place, or sealed under another secret.
    package func open(_ piece: ByteBuffer, index: Int, of name: Name) -> ByteBuffer? {
        seal.open(piece, of: name.tenant, named: name.associatedData(index))
    }

    func close() {
        reading?.close()
    }
}
