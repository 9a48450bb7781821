import NIOCore

extension Limits {
    /// What holds where a message says 0, and for a client until WELCOME comes. Idle timeout: none.
    package static let protocolDefault = Limits(
        maxFrameBytes: 65_536, maxMessageBytes: 16_777_216, maxConcurrentStreams: 256, initialStreamCredit: 262_144,
        initialConnectionCredit: 1_048_576, idleTimeoutMs: 0)

    /// The least that a client may accept: control frames pass, and half of a credit holds a frame.
    static let helloMinimum = Limits(
        maxFrameBytes: 8_192, maxMessageBytes: 1, maxConcurrentStreams: 1, initialStreamCredit: 16_384,
        initialConnectionCredit: 16_384)

    /// The least that a server may accept: what clients may count on before WELCOME. A server with less room refuses requests.
    static let welcomeMinimum = Limits(
        maxFrameBytes: protocolDefault.maxFrameBytes, maxMessageBytes: 1, maxConcurrentStreams: 1,
        initialStreamCredit: protocolDefault.initialStreamCredit,
        initialConnectionCredit: protocolDefault.initialConnectionCredit)

    /// The same with the default in place of every 0, but for the idle timeout, where 0 means never.
    package var resolved: Limits {
        let standard = Limits.protocolDefault
        func resolve(_ field: KeyPath<Limits, UInt32>) -> UInt32 {
            self[keyPath: field] == 0 ? standard[keyPath: field] : self[keyPath: field]
        }
        return Limits(
            maxFrameBytes: resolve(\.maxFrameBytes), maxMessageBytes: resolve(\.maxMessageBytes),
            maxConcurrentStreams: resolve(\.maxConcurrentStreams), initialStreamCredit: resolve(\.initialStreamCredit),
            initialConnectionCredit: resolve(\.initialConnectionCredit), idleTimeoutMs: idleTimeoutMs)
    }

    /// Checks resolved limits against the ranges of SPEC.md ("Limits").
    func validate(minimum: Limits) throws(ConnectionBreach) {
        let maximumCredit = UInt32(SendWindow.maximum)
        guard
            (minimum.maxFrameBytes...UInt32(FrameHeader.maxLength)).contains(maxFrameBytes),
            (minimum.initialStreamCredit...maximumCredit).contains(initialStreamCredit),
            (minimum.initialConnectionCredit...maximumCredit).contains(initialConnectionCredit)
        else { throw .protocolError("a limit is out of its range") }
    }

    /// What a side tells its peer: frame and credits no lower than `minimum`'s, and its idle timeout.
    func announced(minimum: Limits, idleTimeout: TimeAmount?) -> Limits {
        var limits = resolved
        limits.idleTimeoutMs = idleTimeout.map { UInt32(clamping: $0.nanoseconds / 1_000_000) } ?? 0
        limits.maxFrameBytes = min(max(maxFrameBytes, minimum.maxFrameBytes), UInt32(FrameHeader.maxLength))
        limits.initialStreamCredit = min(max(initialStreamCredit, minimum.initialStreamCredit), UInt32(SendWindow.maximum))
        limits.initialConnectionCredit = min(max(initialConnectionCredit, minimum.initialConnectionCredit), UInt32(SendWindow.maximum))
        return limits
    }

    /// The longest payload of a frame that takes credit: never more than half of a credit, so that it always passes in the end,
    /// and no more than the default frame, whatever the peer takes, so that no stream holds up the others for long.
    var maxDataPayload: Int {
        min(
            Int(maxFrameBytes), Int(initialStreamCredit) / 2, Int(initialConnectionCredit) / 2, Int(Self.protocolDefault.maxFrameBytes))
    }
}

/// What HELLO offers and WELCOME agrees to. Unknown bits are ignored.
package struct Features: OptionSet, Hashable, Sendable {
    package var rawValue: UInt64

    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// REQUEST, RESULT and DELTA payloads may be compressed. Every server agrees, so a client need not wait for WELCOME.
    package static let lz4 = Features(rawValue: 1 << 0)
    /// DELTA frames are padded to a power of two, so that their lengths do not tell the words.
    package static let padding = Features(rawValue: 1 << 1)
    /// Reserved for compression with a negotiated dictionary; no v1 side agrees to it.
    package static let dictionary = Features(rawValue: 1 << 2)
}
