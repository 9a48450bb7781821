import NIOCore
import SeededRandomness

/// One direction of a TCP connection: bytes arrive in order, late, and cut anywhere.
struct SimulatedLink {
    private var inFlight: [(arrival: NIODeadline, bytes: ByteBuffer)] = []
    private var lastArrival = NIODeadline.uptimeNanoseconds(0)
    private(set) var inFlightBytes = 0
    /// Bytes that the sender's socket takes.
    let capacity: Int
    let maxDelayMilliseconds: Int
    let maxChunk: Int

    init(random: inout SeededRandom) {
        capacity = random.pick([4_096, 65_536, 1_000_000])
        maxDelayMilliseconds = random.pick([0, 5, 100])
        maxChunk = random.pick([1, 7, 100, 1_500, 65_536])
    }

    var isWritable: Bool { inFlightBytes < capacity }

    var nextArrival: NIODeadline? { inFlight.first?.arrival }

    mutating func send(_ bytes: ByteBuffer, now: NIODeadline, random: inout SeededRandom) {
        var rest = bytes
        // Cutting a large buffer into single bytes would only take time: the first pieces are small.
        var pieces = 0
        while rest.readableBytes > 0 {
            let length = pieces < 40 ? min(rest.readableBytes, random.number(1...maxChunk)) : rest.readableBytes
            pieces += 1
            guard let piece = rest.readSlice(length: length) else { return }
            let delay = TimeAmount.milliseconds(Int64(random.number(0...maxDelayMilliseconds)))
            lastArrival = max(lastArrival, now + delay)
            inFlight.append((lastArrival, piece))
            inFlightBytes += length
        }
    }

    /// What has arrived by now, as one read or several.
    mutating func receive(now: NIODeadline, random: inout SeededRandom) -> ByteBuffer? {
        guard let first = inFlight.first, first.arrival <= now else { return nil }
        var bytes = ByteBuffer()
        var count = 0
        let limit = random.number(1...20)
        while count < min(limit, inFlight.count), inFlight[count].arrival <= now {
            bytes.writeImmutableBuffer(inFlight[count].bytes)
            count += 1
        }
        inFlight.removeFirst(count)
        inFlightBytes -= bytes.readableBytes
        return bytes
    }
}
