package import NIOCore

/// What a frame carries: the low five bits of a header's `kind`.
package enum FrameType: UInt8, CaseIterable, Sendable {
    case hello = 1
    case welcome = 2
    case request = 3
    case result = 4
    case begin = 5
    case delta = 6
    case end = 7
    case error = 8
    case cancel = 9
    case credit = 10
    case ping = 11
    case pong = 12
    case goAway = 13
}

/// The high three bits of a header's `kind`.
package struct FrameFlags: OptionSet, Hashable, Sendable {
    package var rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// The payload is an LZ4 block after its uncompressed length.
    package static let compressed = FrameFlags(rawValue: 0x20)
    /// The client's last frame on the stream, but for CREDIT and CANCEL.
    package static let endStream = FrameFlags(rawValue: 0x40)
    /// The message goes on in the next frame of the same type on this stream.
    package static let more = FrameFlags(rawValue: 0x80)

    /// The bits of `kind` that are flags.
    static let mask: UInt8 = 0xE0
}

/// The eight bytes before every payload: `length:24 | kind:8 | stream:32`, network byte order.
package struct FrameHeader: Hashable, Sendable {
    /// Bytes of a header on the wire.
    package static let byteCount = 8
    /// The longest payload that a header can announce.
    package static let maxLength = 0xFF_FFFF

    /// Bytes of the payload as it is on the wire, compressed or not; 0 to ``maxLength``.
    package var length: Int
    /// Type and flags in one byte, types that this build does not know included.
    package var kind: UInt8
    package var stream: StreamID

    package init(length: Int, kind: UInt8, stream: StreamID) {
        self.length = length
        self.kind = kind
        self.stream = stream
    }

    package init(length: Int, type: FrameType, flags: FrameFlags = [], stream: StreamID) {
        self.init(length: length, kind: type.rawValue | flags.rawValue, stream: stream)
    }

    /// `nil` for a type that this build does not know.
    package var type: FrameType? { FrameType(rawValue: kind & ~FrameFlags.mask) }

    package var flags: FrameFlags { FrameFlags(rawValue: kind & FrameFlags.mask) }
}

extension ByteBuffer {
    /// Reads a header if all of its bytes are there.
    package mutating func readFrameHeader() -> FrameHeader? {
        guard let (first, stream) = readMultipleIntegers(as: (UInt32, UInt32).self) else { return nil }
        return FrameHeader(
            length: Int(first >> 8), kind: UInt8(truncatingIfNeeded: first), stream: StreamID(rawValue: stream))
    }

    package mutating func writeFrameHeader(_ header: FrameHeader) {
        writeMultipleIntegers(header.firstWord, header.stream.rawValue)
    }

    /// Writes a header over one that was written at `index` before its length was known.
    mutating func setFrameHeader(_ header: FrameHeader, at index: Int) {
        setInteger(header.firstWord, at: index)
        setInteger(header.stream.rawValue, at: index + 4)
    }
}

extension FrameHeader {
    fileprivate var firstWord: UInt32 {
        precondition((0...Self.maxLength).contains(length), "our own frames fit the header's length")
        return UInt32(truncatingIfNeeded: length) << 8 | UInt32(kind)
    }
}

/// A frame as it was received: the payload may still be compressed.
package struct Frame: Hashable, Sendable {
    package var header: FrameHeader
    package var payload: ByteBuffer

    package init(header: FrameHeader, payload: ByteBuffer) {
        self.header = header
        self.payload = payload
    }
}
