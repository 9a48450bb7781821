package import NIOCore

/// What a door must know of the configuration.
package struct DoorSettings: Sendable {
    /// Largest request body, in bytes.
    package var maxRequestBytes: Int
    /// How long a request's head, and then its body, may take to arrive.
    package var slowRequestTimeout: TimeAmount
    /// How long a kept-alive connection may be idle.
    package var idleTimeout: TimeAmount
    /// How long a request for a stream waits for the answer's first piece before its stream begins without it.
    package var streamStartDelay: TimeAmount
    /// How often a stream says that it is alive while the provider thinks.
    package var keepAliveInterval: TimeAmount
    /// How long accepted work may go on after the gateway was told to stop.
    package var drainDeadline: TimeAmount
    package var replicaID: String
    package var region: String
    package var serverVersion: String
    /// Open streams of one connection.
    package var maxConcurrentStreams: Int
    package var wire: WireDoorSettings

    package init(
        maxRequestBytes: Int = 4 << 20, slowRequestTimeout: TimeAmount = .seconds(20), idleTimeout: TimeAmount = .seconds(120),
        streamStartDelay: TimeAmount = .seconds(15), keepAliveInterval: TimeAmount = .seconds(10),
        drainDeadline: TimeAmount = .seconds(20), replicaID: String = "local", region: String = "", serverVersion: String = "",
        maxConcurrentStreams: Int = 256, wire: WireDoorSettings = WireDoorSettings()
    ) {
        self.maxRequestBytes = maxRequestBytes
        self.slowRequestTimeout = slowRequestTimeout
        self.idleTimeout = idleTimeout
        self.streamStartDelay = streamStartDelay
        self.keepAliveInterval = keepAliveInterval
        self.drainDeadline = drainDeadline
        self.replicaID = replicaID
        self.region = region
        self.serverVersion = serverVersion
        self.maxConcurrentStreams = maxConcurrentStreams
        self.wire = wire
    }
}

/// What the wire protocol's door announces in WELCOME.
package struct WireDoorSettings: Sendable {
    /// Largest frame, in bytes.
    package var maxFrameBytes: Int
    /// Bytes that a client may send ahead, on one stream and on all together.
    package var initialStreamCredit: Int
    package var initialConnectionCredit: Int
    /// How long a connection without a stream is kept.
    package var idleTimeout: TimeAmount
    package var resumption: ResumptionSettings

    package init(
        maxFrameBytes: Int = 64 << 10, initialStreamCredit: Int = 256 << 10, initialConnectionCredit: Int = 1 << 20,
        idleTimeout: TimeAmount = .seconds(60), resumption: ResumptionSettings = ResumptionSettings()
    ) {
        self.resumption = resumption
        self.maxFrameBytes = maxFrameBytes
        self.initialStreamCredit = initialStreamCredit
        self.initialConnectionCredit = initialConnectionCredit
        self.idleTimeout = idleTimeout
    }
}

/// What is done for answers whose connection is lost.
package struct ResumptionSettings: Sendable {
    /// How long one goes on, and what came of it is kept; zero: none does.
    package var timeout: TimeAmount
    /// Bytes of one answer that are kept for a reader that lost them, and that are read ahead for one who may come.
    package var maxStreamBytes: Int
    /// Bytes of one answer that are written for other replicas.
    package var maxRelayBytes: Int

    package init(timeout: TimeAmount = .seconds(15), maxStreamBytes: Int = 512 << 10, maxRelayBytes: Int = 4 << 20) {
        self.timeout = timeout
        self.maxStreamBytes = maxStreamBytes
        self.maxRelayBytes = maxRelayBytes
    }
}
