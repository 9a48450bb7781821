import GatewayConfiguration
import GatewayCore
import Logging
import NIOConcurrencyHelpers
import NIOCore

/// Whose connections a listener takes, and where they come from: those of TCP balancers begin with the header of the PROXY protocol, which names the
/// client; all others are served as they come, with their socket's address.
struct BalancerGate: Sendable {
    /// Puts the rest of a connection's pipeline behind what is there.
    typealias Install = (_ channel: any Channel, _ clientAddress: String?) throws -> Void

    private let networks: [NetworkRange]
    private let refusals: BalancerRefusals

    init(_ balancers: Configuration.Balancers, listener: String, logsAddresses: Bool, logger: Logger) {
        networks = balancers.networks
        refusals = BalancerRefusals(listener: listener, logsAddresses: logsAddresses, logger: logger)
    }

    /// To be called on the event loop of a connection that was just accepted.
    ///
    /// - Parameter timeout: for the header to arrive whole.
    func admit(_ channel: any Channel, timeout: TimeAmount, install: @escaping Install) throws {
        let address = channel.remoteAddress
        guard !networks.isEmpty else { return try install(channel, address?.ipAddress) }
        let pipeline = channel.pipeline.syncOperations
        if isBalancer(address) {
            return try pipeline.addHandler(ProxyHeaderHandler(refusals, timeout: timeout, install: install))
        }
        try pipeline.addHandler(StrangersHeaderHandler(refusals))
        try install(channel, address?.ipAddress)
    }

    private func isBalancer(_ address: SocketAddress?) -> Bool {
        guard let bytes = address?.ipAddress.flatMap({ NetworkText.bytes(ofAddress: $0) }) else { return false }
        return networks.contains { $0.contains(bytes) }
    }
}

/// Takes a balancer's header off the front of a connection, and lets the rest begin only then.
private final class ProxyHeaderHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let refusals: BalancerRefusals
    private let timeout: TimeAmount
    private let install: BalancerGate.Install
    private var timer: Scheduled<Void>?
    /// What came and is no whole header. Bound: a header and what one read brings.
    private var held = ByteBuffer()
    private var isOver = false

    init(_ refusals: BalancerRefusals, timeout: TimeAmount, install: @escaping BalancerGate.Install) {
        self.refusals = refusals
        self.timeout = timeout
        self.install = install
    }

    func handlerAdded(context: ChannelHandlerContext) {
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: timeout) { self.refuse("none in time", context) }
    }

    func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }

    func channelInactive(context: ChannelHandlerContext) {
        isOver = true
        timer?.cancel()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isOver else { return }
        var bytes = unwrapInboundIn(data)
        held.writeBuffer(&bytes)
        do throws(ProxyHeader.Flaw) {
            guard let header = try ProxyHeader.read(from: &held) else { return }
            begin(header, context)
        } catch {
            refuse(error.rawValue, context)
        }
    }

    private func begin(_ header: ProxyHeader, _ context: ChannelHandlerContext) {
        isOver = true
        let address: String? =
            switch header.source {
            case .client(let address): address
            case .balancer: context.remoteAddress?.ipAddress
            }
        do {
            try install(context.channel, address)
        } catch {
            return context.close(promise: nil)
        }
        if held.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(held)) }
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    private func refuse(_ what: String, _ context: ChannelHandlerContext) {
        isOver = true
        refusals.balancerRefused(what, at: context.remoteAddress?.ipAddress)
        context.close(promise: nil)
    }
}

/// Looks whether a connection that is no balancer's begins as a balancer's would: then the list in the file is wrong, or somebody tries it.
private final class StrangersHeaderHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let refusals: BalancerRefusals

    init(_ refusals: BalancerRefusals) {
        self.refusals = refusals
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !ProxyHeader.isBegun(by: unwrapInboundIn(data)) else {
            refusals.strangerRefused(at: context.remoteAddress?.ipAddress)
            return context.close(promise: nil)
        }
        context.fireChannelRead(data)
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }
}

/// Tells operators what balancers do wrong, a line in ten seconds at most: every connection of a wrongly set one is refused.
private final class BalancerRefusals: Sendable {
    private static let interval = TimeAmount.seconds(10)

    private let listener: String
    /// Who writes what it likes at the front of a connection may be anybody; of a listed balancer the address is in the file.
    private let logsAddresses: Bool
    private let logger: Logger
    private let state = NIOLockedValueBox((quietUntil: NIODeadline.uptimeNanoseconds(0), untold: 0))

    init(listener: String, logsAddresses: Bool, logger: Logger) {
        self.listener = listener
        self.logsAddresses = logsAddresses
        self.logger = logger
    }

    func balancerRefused(_ what: String, at address: String?) {
        tell("a balancer's connection was closed: it brought \(what)", address)
    }

    func strangerRefused(at address: String?) {
        tell(
            "a connection was closed: it brought a PROXY protocol header from an address that is not in \(listener).proxy_protocol.from",
            logsAddresses ? address : nil)
    }

    private func tell(_ message: String, _ address: String?) {
        let now = NIODeadline.now()
        let untold = state.withLockedValue { state -> Int? in
            guard now >= state.quietUntil else {
                state.untold += 1
                return nil
            }
            defer { state = (now + Self.interval, 0) }
            return state.untold
        }
        guard let untold else { return }
        logger.warning(
            "\(message)", metadata: ["listener": "\(listener)", "address": "\(address ?? "-")", "untold": "\(untold)"])
    }
}
