import NIOCore
import Wire

struct SimulationFailure: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) {
        self.description = description
    }
}

/// Reads along on the wire with a reader of its own, and keeps the books of credit and order that the two machines must agree
/// with. Frames are checked when they are sent; what they grant counts when they are delivered.
struct WireTap {
    struct TappedFrame {
        var type: UInt8
        var flags: UInt8
        var stream: UInt32
        var payload: ByteBuffer

        /// Uncompressed bytes.
        var cost: Int {
            guard flags & 0x20 != 0 else { return payload.readableBytes }
            var length = 0
            for (index, byte) in payload.readableBytesView.prefix(4).enumerated() {
                length |= Int(byte & 0x7F) << (7 * index)
                if byte & 0x80 == 0 { break }
            }
            return length
        }
    }

    /// Cuts bytes into frames.
    struct Reader {
        private var pending = ByteBuffer()

        mutating func read(_ bytes: ByteBuffer) -> [TappedFrame] {
            pending.writeImmutableBuffer(bytes)
            var frames: [TappedFrame] = []
            while let (first, stream) = pending.getMultipleIntegers(at: pending.readerIndex, as: (UInt32, UInt32).self) {
                let length = Int(first >> 8)
                guard pending.readableBytes >= 8 + length else { break }
                pending.moveReaderIndex(forwardBy: 8)
                guard let payload = pending.readSlice(length: length) else { break }
                frames.append(
                    TappedFrame(type: UInt8(first & 0x1F), flags: UInt8(first & 0xE0), stream: stream, payload: payload))
            }
            pending.discardReadBytes()
            return frames
        }
    }

    /// One direction's credit as its sender knows it.
    struct Ledger {
        var initialStream: Int
        var connection: Int
        var streams: [UInt32: Int] = [:]

        mutating func spend(_ cost: Int, on stream: UInt32) throws {
            connection -= cost
            streams[stream, default: initialStream] -= cost
            guard connection >= 0, streams[stream, default: 0] >= 0 else { throw SimulationFailure("beyond credit on stream \(stream)") }
        }

        mutating func grant(_ frame: TappedFrame) {
            let increment = Int(frame.payload.getInteger(at: frame.payload.readerIndex, as: UInt32.self) ?? 0)
            if frame.stream == 0 {
                connection += increment
            } else {
                streams[frame.stream, default: initialStream] += increment
            }
        }
    }

    enum Progress {
        case requesting
        case requested
        case begun
        case streaming
        case resulting
        case resulted
        case over
    }

    private var readers = [Reader(), Reader(), Reader(), Reader()]
    private var clientLedger = Ledger(initialStream: 262_144, connection: 1_048_576)
    private var serverLedger = Ledger(initialStream: 0, connection: 0)
    private var clientMaxFrame = 65_536
    private var progress: [UInt32: Progress] = [:]
    private var cancelSent: Set<UInt32> = []
    /// For streams whose CANCEL has reached the server: what it had encoded by then, in bytes since the beginning.
    private var cancelDelivered: [UInt32: Int] = [:]
    /// Bytes of the frames that the server has sent so far.
    private var serverBytes = 0
    private(set) var frameCount = 0
    private(set) var compressedFrames = 0

    mutating func sentByClient(_ bytes: ByteBuffer) throws {
        for frame in readers[0].read(bytes) {
            frameCount += 1
            if frame.flags & 0x20 != 0 { compressedFrames += 1 }
            switch frame.type {
            case 3:
                guard !cancelSent.contains(frame.stream) else { throw SimulationFailure("REQUEST after CANCEL on \(frame.stream)") }
                try clientLedger.spend(frame.cost, on: frame.stream)
                if let former = progress[frame.stream] {
                    guard former == .requesting || former == .over else { throw SimulationFailure("REQUEST after its end") }
                } else {
                    progress[frame.stream] = .requesting
                }
                if frame.flags & 0x40 != 0, progress[frame.stream] == .requesting { progress[frame.stream] = .requested }
            case 9: cancelSent.insert(frame.stream)
            default: break
            }
        }
    }

    mutating func sentByServer(_ bytes: ByteBuffer) throws {
        for frame in readers[1].read(bytes) {
            serverBytes += 8 + frame.payload.readableBytes
            frameCount += 1
            if frame.flags & 0x20 != 0 { compressedFrames += 1 }
            guard frame.payload.readableBytes <= clientMaxFrame, frame.cost <= clientMaxFrame else {
                throw SimulationFailure("a frame too large")
            }
            guard (4...8).contains(frame.type), frame.stream > 0 else { continue }
            if let encoded = cancelDelivered[frame.stream], serverBytes > encoded {
                throw SimulationFailure("an answer after CANCEL on \(frame.stream)")
            }
            if frame.type == 4 || frame.type == 6 { try serverLedger.spend(frame.cost, on: frame.stream) }
            guard let former = progress[frame.stream], let next = Self.follow(former, frame) else {
                throw SimulationFailure("type \(frame.type) out of order on \(frame.stream)")
            }
            progress[frame.stream] = next
        }
    }

    private static func follow(_ former: Progress, _ frame: TappedFrame) -> Progress? {
        let more = frame.flags & 0x80 != 0
        switch (former, frame.type) {
        case (.over, _): return nil
        case (_, 8): return .over
        case (.requested, 5): return .begun
        case (.begun, 6), (.streaming, 6): return .streaming
        case (.begun, 4), (.resulting, 4): return more ? .resulting : .resulted
        case (.begun, 7), (.streaming, 7), (.resulted, 7): return .over
        default: return nil
        }
    }

    /// - Parameter encoded: what the server has encoded and not sent, having read these bytes; `nil` if it has not yet.
    mutating func deliveredToServer(_ bytes: ByteBuffer, encoded: Int?) throws {
        for frame in readers[2].read(bytes) {
            switch frame.type {
            case 1:
                let limits = try (Hello.decode(from: frame.payload).limits ?? Limits()).resolved
                serverLedger = Ledger(initialStream: Int(limits.initialStreamCredit), connection: Int(limits.initialConnectionCredit))
                clientMaxFrame = Int(limits.maxFrameBytes)
            case 9: cancelDelivered[frame.stream] = encoded.map { serverBytes + $0 }
            case 10: serverLedger.grant(frame)
            default: break
            }
        }
    }

    mutating func deliveredToClient(_ bytes: ByteBuffer) throws {
        for frame in readers[3].read(bytes) {
            switch frame.type {
            case 2:
                let limits = try (Welcome.decode(from: frame.payload).limits ?? Limits()).resolved
                let rise = Int(limits.initialStreamCredit) - clientLedger.initialStream
                clientLedger.initialStream += rise
                for stream in clientLedger.streams.keys { clientLedger.streams[stream]? += rise }
                clientLedger.connection += Int(limits.initialConnectionCredit) - 1_048_576
            case 10: clientLedger.grant(frame)
            default: break
            }
        }
    }
}
