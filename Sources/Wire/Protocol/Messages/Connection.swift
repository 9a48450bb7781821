/// What one side of a connection accepts from the other.
package struct Limits: Sendable, Equatable {
    /// Payload of one frame, uncompressed.
    package var maxFrameBytes: UInt32
    /// A whole REQUEST or RESULT, uncompressed.
    package var maxMessageBytes: UInt32
    package var maxConcurrentStreams: UInt32
    /// Bytes the peer may send on a new stream before the first CREDIT.
    package var initialStreamCredit: UInt32
    /// The same for all streams of the connection together.
    package var initialConnectionCredit: UInt32
    /// 0: never.
    package var idleTimeoutMs: UInt32

    package init(
        maxFrameBytes: UInt32 = 0, maxMessageBytes: UInt32 = 0, maxConcurrentStreams: UInt32 = 0, initialStreamCredit: UInt32 = 0,
        initialConnectionCredit: UInt32 = 0, idleTimeoutMs: UInt32 = 0
    ) {
        self.maxFrameBytes = maxFrameBytes
        self.maxMessageBytes = maxMessageBytes
        self.maxConcurrentStreams = maxConcurrentStreams
        self.initialStreamCredit = initialStreamCredit
        self.initialConnectionCredit = initialConnectionCredit
        self.idleTimeoutMs = idleTimeoutMs
    }
}

extension Limits: WireMessage {
    package init() {
        self.init(maxFrameBytes: 0)
    }

    package mutating func read(_ number: UInt32, from reader: inout FieldReader) throws(DecodingFault) {
        switch number {
        case 1: try reader.read(&maxFrameBytes)
        case 2: try reader.read(&maxMessageBytes)
        case 3: try reader.read(&maxConcurrentStreams)
        case 4: try reader.read(&initialStreamCredit)
        case 5: try reader.read(&initialConnectionCredit)
        case 6: try reader.read(&idleTimeoutMs)
        default: try reader.skip()
        }
    }

    package func write(to writer: inout FieldWriter) {
        writer.write(1, maxFrameBytes)
        writer.write(2, maxMessageBytes)
        writer.write(3, maxConcurrentStreams)
        writer.write(4, initialStreamCredit)
        writer.write(5, initialConnectionCredit)
        writer.write(6, idleTimeoutMs)
    }
}

/// The client's first frame.
package struct Hello: Sendable, Equatable {
    package var minVersion: UInt32
    package var maxVersion: UInt32
    /// What the client accepts from the server.
    package var limits: Limits?
    /// Bit set, see SPEC.md.
    package var features: UInt64
    /// An API key; empty where a client certificate stands for it.
    package var credential: Text
    /// Name and version of the client program, for logs.
    package var agent: Text

    package init(
        minVersion: UInt32 = 0, maxVersion: UInt32 = 0, limits: Limits? = nil, features: UInt64 = 0, credential: Text = Text(),
        agent: Text = Text()
    ) {
        self.minVersion = minVersion
        self.maxVersion = maxVersion
        self.limits = limits
        self.features = features
        self.credential = credential
        self.agent = agent
    }
}

extension Hello: WireMessage {
    package init() {
        self.init(minVersion: 0)
    }

    package mutating func read(_ number: UInt32, from reader: inout FieldReader) throws(DecodingFault) {
        switch number {
        case 1: try reader.read(&minVersion)
        case 2: try reader.read(&maxVersion)
        case 3: try reader.read(&limits)
        case 4: try reader.read(&features)
        case 5: try reader.read(&credential)
        case 6: try reader.read(&agent)
        default: try reader.skip()
        }
    }

    package func write(to writer: inout FieldWriter) {
        writer.write(1, minVersion)
        writer.write(2, maxVersion)
        writer.write(3, limits)
        writer.write(4, features)
        writer.write(5, credential)
        writer.write(6, agent)
    }
}

/// The server's answer to HELLO.
package struct Welcome: Sendable, Equatable {
    package var version: UInt32
    /// What the server accepts from the client.
    package var limits: Limits?
    /// The intersection: what both sides may use.
    package var features: UInt64
    package var region: Text
    package var replicaID: Text
    package var serverVersion: Text

    package init(
        version: UInt32 = 0, limits: Limits? = nil, features: UInt64 = 0, region: Text = Text(), replicaID: Text = Text(),
        serverVersion: Text = Text()
    ) {
        self.version = version
        self.limits = limits
        self.features = features
        self.region = region
        self.replicaID = replicaID
        self.serverVersion = serverVersion
    }
}

extension Welcome: WireMessage {
    package init() {
        self.init(version: 0)
    }

    package mutating func read(_ number: UInt32, from reader: inout FieldReader) throws(DecodingFault) {
        switch number {
        case 1: try reader.read(&version)
        case 2: try reader.read(&limits)
        case 3: try reader.read(&features)
        case 4: try reader.read(&region)
        case 5: try reader.read(&replicaID)
        case 6: try reader.read(&serverVersion)
        default: try reader.skip()
        }
    }

    package func write(to writer: inout FieldWriter) {
        writer.write(1, version)
        writer.write(2, limits)
        writer.write(3, features)
        writer.write(4, region)
        writer.write(5, replicaID)
        writer.write(6, serverVersion)
    }
}

/// The server will not take new streams on this connection.
package struct GoAway: Sendable, Equatable {
    /// Why the connection is given up.
    package struct Reason: OpenEnum {
        package static let unspecified = Reason(rawValue: 0)
        /// Finish what was accepted, open new streams elsewhere.
        package static let drain = Reason(rawValue: 1)
        /// The connection's credential expired or was revoked.
        package static let reauthenticate = Reason(rawValue: 2)
        package static let idle = Reason(rawValue: 3)
        /// An ERROR on stream 0 went before.
        package static let protocolError = Reason(rawValue: 4)
        package static let overloaded = Reason(rawValue: 5)

        package var rawValue: Int32

        package init(rawValue: Int32) {
            self.rawValue = rawValue
        }
    }

    /// The highest stream that was or will be answered.
    package var lastStream: UInt32
    package var reason: Reason
    /// From now; then what is still open ends with a retryable ERROR.
    package var drainDeadlineMs: UInt32
    package var message: Text

    package init(lastStream: UInt32 = 0, reason: Reason = .unspecified, drainDeadlineMs: UInt32 = 0, message: Text = Text()) {
        self.lastStream = lastStream
        self.reason = reason
        self.drainDeadlineMs = drainDeadlineMs
        self.message = message
    }
}

extension GoAway: WireMessage {
    package init() {
        self.init(lastStream: 0)
    }

    package mutating func read(_ number: UInt32, from reader: inout FieldReader) throws(DecodingFault) {
        switch number {
        case 1: try reader.read(&lastStream)
        case 2: try reader.read(&reason)
        case 3: try reader.read(&drainDeadlineMs)
        case 4: try reader.read(&message)
        default: try reader.skip()
        }
    }

    package func write(to writer: inout FieldWriter) {
        writer.write(1, lastStream)
        writer.write(2, reason)
        writer.write(3, drainDeadlineMs)
        writer.write(4, message)
    }
}

/// The client gives a stream up.
package struct Cancel: Sendable, Equatable {
    /// Why the stream is given up.
    package struct Reason: OpenEnum {
        package static let unspecified = Reason(rawValue: 0)
        /// Nobody waits for the answer any more.
        package static let caller = Reason(rawValue: 1)
        /// The client's own deadline passed.
        package static let deadlineExceeded = Reason(rawValue: 2)
        /// The client could not decode the answer.
        package static let invalidAnswer = Reason(rawValue: 3)

        package var rawValue: Int32

        package init(rawValue: Int32) {
            self.rawValue = rawValue
        }
    }

    package var reason: Reason

    package init(reason: Reason = .unspecified) {
        self.reason = reason
    }
}

extension Cancel: WireMessage {
    package init() {
        self.init(reason: .unspecified)
    }

    package mutating func read(_ number: UInt32, from reader: inout FieldReader) throws(DecodingFault) {
        switch number {
        case 1: try reader.read(&reason)
        default: try reader.skip()
        }
    }

    package func write(to writer: inout FieldWriter) {
        writer.write(1, reason)
    }
}

/// The body of an ERROR frame: how a stream, or on stream 0 the connection, ended.
package struct ErrorBody: Sendable, Equatable {
    /// Of the registry `protocol/error-codes.json`; unknown codes are kept.
    package var code: ErrorCode
    /// One sentence for a person; never payload text.
    package var message: Text
    package var retryable: Bool
    /// 0: no advice.
    package var retryAfterMs: UInt32
    package var requestID: Text
    /// The field at fault, where there is one.
    package var param: Text

    package init(
        code: ErrorCode = ErrorCode(rawValue: 0), message: Text = Text(), retryable: Bool = false, retryAfterMs: UInt32 = 0,
        requestID: Text = Text(), param: Text = Text()
    ) {
        self.code = code
        self.message = message
        self.retryable = retryable
        self.retryAfterMs = retryAfterMs
        self.requestID = requestID
        self.param = param
    }
}

extension ErrorBody: WireMessage {
    package init() {
        self.init(code: ErrorCode(rawValue: 0))
    }

    package mutating func read(_ number: UInt32, from reader: inout FieldReader) throws(DecodingFault) {
        switch number {
        case 1: try reader.read(&code)
        case 2: try reader.read(&message)
        case 3: try reader.read(&retryable)
        case 4: try reader.read(&retryAfterMs)
        case 5: try reader.read(&requestID)
        case 6: try reader.read(&param)
        default: try reader.skip()
        }
    }

    package func write(to writer: inout FieldWriter) {
        writer.write(1, code.rawValue)
        writer.write(2, message)
        writer.write(3, retryable)
        writer.write(4, retryAfterMs)
        writer.write(5, requestID)
        writer.write(6, param)
    }
}
