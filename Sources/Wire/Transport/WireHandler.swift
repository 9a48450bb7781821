package import NIOCore
package import Wire

/// Runs one side of a connection on a channel of bytes; the last handler of its pipeline.
///
/// Reads go to the machine, its events to the delegate, its bytes to the channel: one flush at the end of a read, or of the
/// tick for calls from elsewhere. While the peer does not take our bytes, or the machine waits for its application, nothing
/// more is read. Everything happens on the channel's event loop.
package final class WireHandler<Machine: ConnectionMachine>: ChannelDuplexHandler {
    package typealias InboundIn = ByteBuffer
    package typealias OutboundIn = Never
    package typealias OutboundOut = ByteBuffer

    /// The machine; to be changed through ``perform(_:)`` only.
    package private(set) var connection: Machine

    private let limits: WireHandlerLimits
    private var delegate: (any WireDelegate<Machine>)?
    private var context: ChannelHandlerContext?
    private var closing = Closing.open
    private var failure: (any Error)?
    /// The machine's events and bytes are being passed on; what calls cause meanwhile is picked up by that.
    private var isDriving = false
    private var isTickScheduled = false
    /// A read was asked for while reading was paused.
    private var owesRead = false
    private var timer: Scheduled<Void>?
    private var timerDeadline = NIODeadline.distantFuture

    private enum Closing {
        case open
        /// The machine is done, its last bytes may not be written yet.
        case ending
        /// The last bytes are on their way.
        case finishing
        /// The channel is gone, the delegate is to be told.
        case gone
        case told
    }

    /// - Parameters:
    ///   - machine: made when the handler is: its timeouts have begun.
    ///   - delegate: retained until the channel is gone.
    package init(_ machine: Machine, delegate: any WireDelegate<Machine>, limits: WireHandlerLimits = WireHandlerLimits()) {
        connection = machine
        self.delegate = delegate
        self.limits = limits
    }

    // MARK: - Calls

    /// Calls the machine. On the event loop; not inside of another `perform`.
    ///
    /// What is to be sent goes out at the end of the tick. Events that the call causes are told later, not inside of it.
    package func perform<Answer>(_ body: (inout Machine) throws -> Answer) rethrows -> Answer {
        if let context { connection.advance(to: context.eventLoop.now) }
        defer { scheduleTick() }
        return try body(&connection)
    }

    /// Closes the channel at once. What was not sent is lost.
    package func close() {
        context?.close(promise: nil)
    }

    private func scheduleTick() {
        guard !isDriving, !isTickScheduled, let context else { return }
        isTickScheduled = true
        context.eventLoop.assumeIsolated().execute {
            self.isTickScheduled = false
            self.drive()
        }
    }

    // MARK: - The channel's events

    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { drive() }
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        connectionEnded()
        self.context = nil
    }

    package func channelActive(context: ChannelHandlerContext) {
        drive()
        context.fireChannelActive()
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        connection.receive(&bytes, now: context.eventLoop.now)
        tellEvents()
    }

    package func channelReadComplete(context: ChannelHandlerContext) {
        drive()
        context.fireChannelReadComplete()
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { drive() }
        context.fireChannelWritabilityChanged()
    }

    package func read(context: ChannelHandlerContext) {
        guard mayRead(context) else {
            owesRead = true
            return
        }
        context.read()
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed { context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        failure = failure ?? error
        context.close(promise: nil)
    }

    package func channelInactive(context: ChannelHandlerContext) {
        connectionEnded()
        context.fireChannelInactive()
    }

    private func connectionEnded() {
        guard closing != .gone, closing != .told else { return }
        closing = .gone
        timer?.cancel()
        timer = nil
        connection.connectionLost()
        tellClosed()
    }

    /// Tells the delegate, unless it is just being told of an event.
    private func tellClosed() {
        guard closing == .gone, !isDriving else { return }
        closing = .told
        let delegate = delegate
        self.delegate = nil
        delegate?.connectionClosed(self, error: failure)
    }

    // MARK: - Driving the machine

    /// Passes on events and bytes until there are none, or the channel does not take more.
    private func drive() {
        guard !isDriving, let context else { return }
        repeat {
            tellEvents()
            guard closing != .told else { return }
        } while writeOutbound(context)
        finishIfDone(context)
        guard closing != .gone, closing != .told else { return }
        updateTimer(context)
        if owesRead, mayRead(context) {
            owesRead = false
            context.read()
        }
    }

    private func tellEvents() {
        guard !isDriving else { return }
        isDriving = true
        while let event = connection.nextEvent() {
            delegate?.eventReceived(event, from: self)
        }
        isDriving = false
        tellClosed()
    }

    /// - Returns: whether anything was written, which may have caused events.
    private func writeOutbound(_ context: ChannelHandlerContext) -> Bool {
        guard context.channel.isActive else { return false }
        isDriving = true
        var unflushed = 0
        var hasWritten = false
        while context.channel.isWritable, let bytes = connection.takeOutbound() {
            unflushed += bytes.readableBytes
            hasWritten = true
            context.write(wrapOutboundOut(bytes), promise: nil)
            // Handlers in between may hold what is not flushed without the channel knowing.
            if unflushed >= limits.flushBytes {
                context.flush()
                unflushed = 0
            }
        }
        if unflushed > 0 { context.flush() }
        isDriving = false
        tellClosed()
        return hasWritten
    }

    /// Whether more may be read: the peer takes what we send, and the machine has read what it was given.
    private func mayRead(_ context: ChannelHandlerContext) -> Bool {
        if connection.unreadBytes > limits.maxUnreadBytes { return false }
        return context.channel.isWritable || connection.outboundBytes < limits.maxUnwrittenBytes
    }

    // MARK: - Time

    /// Keeps a timer that fires no later than the machine's deadline; one that has moved on costs an idle call, not a new timer.
    private func updateTimer(_ context: ChannelHandlerContext) {
        guard let deadline = connection.nextDeadline else { return }
        if timer != nil, timerDeadline <= deadline { return }
        timer?.cancel()
        timerDeadline = deadline
        timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
            self.timer = nil
            self.connection.timerFired(now: context.eventLoop.now)
            self.drive()
        }
    }

    // MARK: - Closing

    /// Closes in the order that lets the peer read our last words: what is written goes out, then our side closes, and what
    /// still comes is read and dropped until the peer closes too. Closing with unread bytes would reset the connection.
    private func finishIfDone(_ context: ChannelHandlerContext) {
        guard connection.isClosed, closing == .open || closing == .ending else { return }
        if closing == .open {
            closing = .ending
            timer?.cancel()
            timer = context.eventLoop.assumeIsolated().scheduleTask(in: limits.closeTimeout) { context.close(promise: nil) }
        }
        guard connection.outboundBytes == 0 else { return }
        closing = .finishing
        let written = context.eventLoop.makePromise(of: Void.self)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: written)
        written.futureResult.assumeIsolated().whenComplete { _ in
            let halfClosed = context.eventLoop.makePromise(of: Void.self)
            context.close(mode: .output, promise: halfClosed)
            halfClosed.futureResult.assumeIsolated().whenFailure { _ in context.close(promise: nil) }
        }
    }
}

/// Bounds of a ``WireHandler``.
package struct WireHandlerLimits: Sendable {
    /// Bytes that wait in the machine for a channel that takes none, from which on nothing more is read.
    package var maxUnwrittenBytes = 65_536
    /// Bytes that wait to be read by a machine that waits for its application, from which on nothing more is read.
    package var maxUnreadBytes = 262_144
    /// Bytes that are written before a flush in between.
    package var flushBytes = 131_072
    /// How long the peer may take to read the last bytes and close its side.
    package var closeTimeout: TimeAmount = .seconds(2)

    package init() {}
}
