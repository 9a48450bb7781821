import GatewayCrypto
import GatewayPipeline
import Logging
import NIOCore
import Wire
import WireServer

/// What one event loop has of its own. Confined to that loop.
final class LoopContext {
    let gateway: GatewayLoop
    let compressor = LZ4Compressor()
    let connections = WireConnections()
    /// Of the whole process.
    let resumable: ResumableAnswers
    /// Open connections of the HTTP door. Bound: the listeners' limit of connections.
    private var httpChannels: [ObjectIdentifier: any Channel] = [:]

    init(gateway: GatewayLoop, resumable: ResumableAnswers) {
        self.gateway = gateway
        self.resumable = resumable
    }

    /// Remembers a connection of the HTTP door until it closes, so that a drain reaches it.
    func add(http channel: any Channel) {
        let id = ObjectIdentifier(channel)
        httpChannels[id] = channel
        let bound = NIOLoopBound(self, eventLoop: channel.eventLoop)
        channel.closeFuture.whenComplete { _ in bound.value.httpChannels[id] = nil }
    }

    /// Tells every peer to go elsewhere; accepted requests go on.
    func drain() {
        gateway.beginDraining()
        connections.drain()
        for channel in httpChannels.values { channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent()) }
    }
}

/// The contexts of all event loops: a connection finds its own at accept, and the control plane reaches them all.
struct LoopDirectory: Sendable {
    private let contexts: [ObjectIdentifier: NIOLoopBound<LoopContext>]

    /// Makes a context on each loop of the group.
    static func make(
        on group: any EventLoopGroup, snapshot: GatewaySnapshot, stores: GatewayStores, access: KeyAccess, cacheSecret: Secret,
        redis: RedisLimitSettings?, sharedCache: SharedCacheSettings?, sharedClaims: SharedClaimSettings?,
        sharedResumptions: SharedResumptionSettings?, resumable: ResumableAnswers, redisJournal: RedisJournalSettings?,
        tracing: TracingSettings?,
        logger: Logger
    ) async throws -> LoopDirectory {
        var contexts: [ObjectIdentifier: NIOLoopBound<LoopContext>] = [:]
        let loops = Array(group.makeIterator())
        for loop in loops {
            contexts[ObjectIdentifier(loop)] = try await loop.submit {
                let gateway = try GatewayLoop(
                    eventLoop: loop, snapshot: snapshot, stores: stores, access: access, cacheSecret: cacheSecret, share: loops.count,
                    redis: redis, sharedCache: sharedCache, sharedClaims: sharedClaims, sharedResumptions: sharedResumptions,
                    redisJournal: redisJournal, tracing: tracing, logger: logger)
                gateway.watchLag()
                return NIOLoopBound(LoopContext(gateway: gateway, resumable: resumable), eventLoop: loop)
            }.get()
        }
        return LoopDirectory(contexts: contexts)
    }

    /// The context of the loop that this is called on.
    func context(of loop: any EventLoop) -> LoopContext? {
        contexts[ObjectIdentifier(loop)]?.value
    }

    /// Closes what the loops have open to others, when what was sent there is done.
    func shutDown() async throws {
        let closing = contexts.values.map { bound in bound.eventLoop.flatSubmit { bound.value.gateway.shutdown() } }
        for loop in closing { try await loop.get() }
    }

    /// Carries out `body` on every loop and waits for all of them.
    func forEach(_ body: @escaping @Sendable (LoopContext) -> Void) async throws {
        // None waits for another.
        let told = contexts.values.map { bound in bound.eventLoop.submit { body(bound.value) } }
        for end in told { try await end.get() }
    }

    /// Copies of what every loop has counted.
    func observations() async throws -> [LoopObservation] {
        let asked = contexts.values.map { bound in bound.eventLoop.submit { bound.value.gateway.observation } }
        var observations: [LoopObservation] = []
        for answer in asked { observations.append(try await answer.get()) }
        return observations
    }

    /// All of them, for news from the store.
    var audience: ControlFollower.Audience {
        ControlFollower.Audience(
            apply: { update in try? await forEach { $0.gateway.apply(update) } },
            storeHeard: { isReachable, isStale in
                try? await forEach { $0.gateway.storeHeard(isReachable: isReachable, isStale: isStale) }
            })
    }
}
