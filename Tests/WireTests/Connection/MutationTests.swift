import NIOCore
import Testing
import Wire

/// Bytes of the conversation vectors, changed at random places: whatever comes out, both machines stay within their rules.
@Suite("Connection: mutated input")
struct MutationTests {
    /// A linear congruential generator, so that a failing round can be repeated.
    private struct Numbers {
        var state: UInt64

        mutating func next(below bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(truncatingIfNeeded: state >> 33) % max(1, bound)
        }
    }

    @Test("no mutated conversation crashes a machine, hangs it, or lets it speak after its end", arguments: 0..<4)
    func mutations(round: Int) throws {
        let vectors = try VectorFiles.load("conversations").filter { $0["file"] as? String != "abuse" }
        var closed = 0
        for (index, vector) in vectors.enumerated() {
            let steps = vector["steps"] as? [[String: Any]] ?? []
            let side = vector["under_test"] as? String ?? ""
            for variant in 0..<3 {
                var numbers = Numbers(state: UInt64(round * 100_000 + index * 100 + variant))
                var bytes = ByteBuffer()
                for step in steps where step["from"] as? String != side && step["hex"] != nil {
                    bytes.writeImmutableBuffer(try VectorFiles.bytes(hex: step["hex"]))
                }
                mutate(&bytes, &numbers)
                let isClosed =
                    side == "server"
                    ? drive(VectorServer(settings: [:]), bytes, &numbers) : drive(VectorClient(settings: [:]), bytes, &numbers)
                closed += isClosed ? 1 : 0
            }
        }
        #expect(closed > vectors.count / 2)
    }

    private func mutate(_ bytes: inout ByteBuffer, _ numbers: inout Numbers) {
        for _ in 0...numbers.next(below: 6) {
            let place = bytes.readerIndex + numbers.next(below: bytes.readableBytes)
            switch numbers.next(below: 4) {
            case 0: bytes.setInteger(UInt8(numbers.next(below: 256)), at: place)
            case 1:
                let old = bytes.getInteger(at: place, as: UInt8.self) ?? 0
                bytes.setInteger(old ^ 1 << UInt8(numbers.next(below: 8)), at: place)
            case 2: bytes.moveWriterIndex(to: max(bytes.readerIndex, place))
            default:
                let tail = bytes.getSlice(at: place, length: bytes.writerIndex - place) ?? ByteBuffer()
                bytes.writeImmutableBuffer(tail)
            }
        }
    }

    /// - Returns: whether the machine ended the conversation.
    private func drive(_ first: some VectorPeer, _ bytes: ByteBuffer, _ numbers: inout Numbers) -> Bool {
        var peer = first
        var rest = bytes
        try? peer.perform("send", ["model": "stream"])
        try? peer.perform("send", ["model": "whole", "text_bytes": 100_000])
        var now = NIODeadline.start
        while rest.readableBytes > 0 {
            var piece = rest.readSlice(length: min(rest.readableBytes, 1 + numbers.next(below: 400))) ?? ByteBuffer()
            now = now + .milliseconds(Int64(numbers.next(below: 100)))
            peer.machine.receive(&piece, now: now)
            while let event = peer.machine.nextEvent() { peer.handle(event) }
            _ = peer.machine.takeFrames()
            while let event = peer.machine.nextEvent() { peer.handle(event) }
            guard !peer.machine.isClosed else {
                var more = TestFrame.credit(1).bytes
                peer.machine.receive(&more, now: now)
                peer.machine.timerFired(now: now + .hours(1))
                #expect(peer.machine.nextEvent() == nil && peer.machine.takeFrames().isEmpty && peer.machine.nextDeadline == nil)
                return true
            }
        }
        peer.machine.connectionLost()
        return false
    }
}
