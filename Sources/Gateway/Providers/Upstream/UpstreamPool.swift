package import NIOCore

/// Keep-alive HTTP/1.1 connections to all upstreams, for one event loop. Everything of a request stays on that loop: not `Sendable`, no locks;
/// every method must be called on it.
///
/// One timer serves all deadlines: it is set for the earliest one and looks at all of them when it fires, so that a call that ends in time
/// costs no scheduling. The pool lives as long as somebody holds it or one of its connections is open.
package final class UpstreamPool {
    package let eventLoop: any EventLoop
    /// What has happened since the start, over all endpoints.
    package internal(set) var counters = UpstreamPoolCounters()
    private var endpoints: [UpstreamEndpoint: EndpointPool] = [:]
    private(set) var isShutDown = false
    private var timer: Scheduled<Void>?
    private var timerDeadline = NIODeadline.distantFuture
    /// Requests are written one at a time; their heads share this buffer.
    var scratch = ByteBuffer()

    /// - Parameter eventLoop: a loop of a `MultiThreadedEventLoopGroup`, on which connections can be opened.
    package init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    /// Sends a request on an idle connection, or on a new one, or on the first that falls free.
    ///
    /// The receiver is kept until the call is over and is never called before this method has returned.
    package func send(_ request: UpstreamRequest, receiver: any UpstreamReceiver) -> UpstreamCall {
        eventLoop.assertInEventLoop()
        let endpoint = endpointPool(for: request.endpoint)
        let call = UpstreamCall(
            request: request, receiver: receiver, pool: endpoint,
            queueDeadline: eventLoop.now + request.timeouts.connect + request.timeouts.queue)
        endpoint.send(call)
        return call
    }

    /// From now on keeps the endpoints' ``UpstreamLimits/warmConnections`` open and idle, and nobody else's.
    package func keepWarm(_ warm: Set<UpstreamEndpoint>) {
        eventLoop.assertInEventLoop()
        guard !isShutDown else { return }
        for endpoint in Array(endpoints.values) where endpoint.isKeptWarm && !warm.contains(endpoint.endpoint) {
            endpoint.isKeptWarm = false
            endpoint.closeIdleConnections()
        }
        for name in warm where name.limits.warmConnections > 0 {
            let endpoint = endpointPool(for: name)
            endpoint.isKeptWarm = true
            endpoint.dialForWarmth()
        }
    }

    /// Keeps no connection any more: idle ones close now, busy ones when their exchange is over. Calls under way go on, and new ones work,
    /// each on a connection of its own.
    package func shutDown() {
        eventLoop.assertInEventLoop()
        isShutDown = true
        for endpoint in Array(endpoints.values) {
            endpoint.closeIdleConnections()
        }
    }

    /// One entry for each endpoint that has a connection or a waiting call.
    package var statistics: [UpstreamPoolStatistics] {
        endpoints.values.map(\.statistics)
    }

    private func endpointPool(for endpoint: UpstreamEndpoint) -> EndpointPool {
        if let known = endpoints[endpoint] {
            return known
        }
        let new = EndpointPool(endpoint: endpoint, owner: self)
        endpoints[endpoint] = new
        return new
    }

    func forget(_ endpoint: EndpointPool) {
        if endpoints[endpoint.endpoint] === endpoint {
            endpoints[endpoint.endpoint] = nil
        }
    }

    // MARK: Time

    /// Sees to it that deadlines are looked at no later than this one.
    func watch(_ deadline: NIODeadline) {
        guard deadline < timerDeadline else { return }
        timer?.cancel()
        timerDeadline = deadline
        timer = eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { self.timerFired() }
    }

    private func timerFired() {
        timer = nil
        timerDeadline = .distantFuture
        let now = eventLoop.now
        var next = NIODeadline.distantFuture
        for endpoint in Array(endpoints.values) {
            next = min(next, endpoint.sweep(now: now))
        }
        watch(next)
    }
}

/// Counts since the pool's start.
package struct UpstreamPoolCounters: Sendable, Equatable {
    /// Attempts to connect, and those of them that failed.
    package var dials = 0
    package var failedDials = 0
    /// Exchanges on a connection that had carried one before.
    package var reuses = 0
    /// Requests sent again because a kept-alive connection was being closed.
    package var staleRetries = 0
    /// Calls that found no connection and no place, or no connection in time.
    package var exhausted = 0

    package init(dials: Int = 0, failedDials: Int = 0, reuses: Int = 0, staleRetries: Int = 0, exhausted: Int = 0) {
        self.dials = dials
        self.failedDials = failedDials
        self.reuses = reuses
        self.staleRetries = staleRetries
        self.exhausted = exhausted
    }
}

/// What one endpoint holds at the moment on one event loop.
package struct UpstreamPoolStatistics: Sendable, Equatable {
    package var authority: String
    package var open: Int
    package var idle: Int
    package var connecting: Int
    package var waiting: Int
}
