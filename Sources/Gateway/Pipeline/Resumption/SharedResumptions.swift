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

        /// What a piece opens with: its stream, its principal, its place, and the list that it is of.
        fileprivate func associatedData(_ list: UInt64, _ index: Int) -> [UInt8] {
            let parts = [[UInt8](id.description.utf8), [UInt8](tenant.utf8)] + owner.map { [UInt8]($0.utf8) }
            let place = [list, UInt64(clamping: index)].flatMap { Array(ByteBuffer(integer: $0).readableBytesView) }
            return parts.reduce(into: place) { data, part in
                data += Array(ByteBuffer(integer: UInt32(clamping: part.count)).readableBytesView) + part
            }
        }
    }

    /// What a replica that reads wants of the one that has the stream.
    package enum Wish: String {
        case read
        /// The caller wants no more of it.
        case cancel
    }

    /// A list of pieces: one for each time that the stream's writing began anew.
    package struct Piece {
        package let list: UInt64
        fileprivate let sealed: ByteBuffer
    }

    // MARK: the replica that has the stream

    /// - Parameters:
    ///   - list: a random number of this list's own.
    ///   - completion: called once, on the loop, perhaps from inside; with false where the piece, or one before it, is not there.
    package func publish(_ piece: ByteBuffer, list: UInt64, index: Int, of name: Name, _ completion: @escaping (Bool) -> Void) {
        guard let sealed = seal.seal(Array(piece.readableBytesView), of: name.tenant, named: name.associatedData(list, index)) else {
            return completion(false)
        }
        var value = ByteBuffer(integer: list)
        value.writeImmutableBuffer(sealed)
        line.ask(RedisResumption.publish(value, index: index, name.keys)) { completion($0?.value.integer == 1) }
    }

    /// What another replica wants.
    ///
    /// - Parameter completion: called once, on the loop, perhaps from inside; with `nil` where nobody wants anything, or Redis does not answer.
    package func askForWish(_ name: Name, _ completion: @escaping (Wish?) -> Void) {
        line.ask(RedisResumption.wish(name.keys)) { completion($0?.value.string.flatMap { Wish(rawValue: $0) }) }
    }

    // MARK: the replica that has the caller

    /// Asks what came behind the first `count` pieces, and says that somebody reads.
    ///
    /// - Parameter completion: called once, on the loop, perhaps from inside; with `nil` where Redis does not answer.
    package func read(_ name: Name, from count: Int, _ completion: @escaping ([Piece]?) -> Void) {
        let client = client
        client.send(RedisResumption.wish(Wish.read.rawValue, name.keys), timeout: patience).whenComplete { _ in }
        client.send(RedisResumption.read(name.keys, from: count), timeout: patience).assumeIsolated().whenComplete { result in
            let pieces = (try? result.get()).flatMap(RedisResumption.pieces)
            completion(
                pieces?.compactMap { piece in
                    var sealed = piece
                    return sealed.readInteger(as: UInt64.self).map { Piece(list: $0, sealed: sealed) }
                })
        }
    }

    /// The caller of a stream of which a piece was opened here wants no more of it.
    package func cancel(_ name: Name) {
        client.send(RedisResumption.wish(Wish.cancel.rawValue, name.keys), timeout: patience).whenComplete { _ in }
    }

    /// The first question waits for the connection.
    private var patience: TimeAmount { timeout + options.limits.connectTimeout }

    private var client: RedisClient {
        let client = reading ?? RedisClient(options: options, eventLoop: eventLoop)
        reading = client
        return client
    }

    /// - Returns: `nil`: it is not this principal's, not in its place, or sealed under another secret.
    package func open(_ piece: Piece, index: Int, of name: Name) -> ByteBuffer? {
        seal.open(piece.sealed, of: name.tenant, named: name.associatedData(piece.list, index))
    }

    func close() {
        reading?.close()
    }
}
