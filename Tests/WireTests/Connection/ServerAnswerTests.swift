import NIOCore
import Testing
import Wire

@Suite("Server: answers")
struct ServerAnswerTests {
    private let tight = Limits(initialStreamCredit: 16_384)

    @Test("text too long for a frame goes out in several DELTAs, cut between characters, with id and name on the first")
    func splitting() throws {
        var server = ServerConnection.answering()
        let text = String(repeating: "漢字😀é", count: 20_000)
        var delta = Delta.text(text)
        (delta.id, delta.name, delta.choice, delta.item) = ("call-1", "look_up", 2, 1)
        let last = server.sendDelta(delta, on: .first)
        let deltas = try server.takeFrames().map { try $0.decoded(as: Delta.self) }
        #expect(deltas.count == 4 && last == 4)
        #expect(deltas.map(\.sequence) == [1, 2, 3, 4])
        #expect(deltas.allSatisfy { Text(validating: $0.data) != nil && $0.choice == 2 && $0.item == 1 && $0.kind == .text })
        #expect(deltas.map(\.id.string) == ["call-1", "", "", ""] && deltas.map(\.name.string) == ["look_up", "", "", ""])
        #expect(deltas.map { String(buffer: $0.data) }.joined() == text)
    }

    @Test("no DELTA is longer than the client's frame limit or half of its credits")
    func deltaLength() {
        for limits in [Limits(maxFrameBytes: 9_000), Limits(initialStreamCredit: 18_001), Limits(initialConnectionCredit: 18_001)] {
            var server = ServerConnection.answering(clientLimits: limits)
            server.sendDelta(.text(String(repeating: "x", count: 30_000)), on: .first)
            let lengths = server.takeFrames().map(\.payload.readableBytes)
            #expect(lengths.count >= 2 && lengths.prefix(2).allSatisfy { $0 <= 9_000 && $0 > 8_900 }, "\(lengths)")
        }
    }

    @Test("frames stay at 64 KiB for a client that takes longer ones, so that no stream holds up the others")
    func frameLengthIsCapped() {
        var server = ServerConnection.answering(clientLimits: Limits(maxFrameBytes: 1_000_000, initialStreamCredit: 1_000_000))
        server.sendDelta(Delta(kind: .text, data: noise(200_000)), on: .first)
        let lengths = server.takeFrames().map(\.payload.readableBytes)
        #expect(lengths.count == 4 && lengths.allSatisfy { $0 <= 65_536 })
    }

    @Test("a sender that ignores isWritable ends its stream at the queue's bound, not the connection")
    func queueBound() throws {
        var settings = ServerSettings()
        settings.maxQueuedBytesPerStream = 50_000
        var server = ServerConnection.answering(settings, clientLimits: tight, on: [.first, .second])
        while server.sendDelta(.text(String(repeating: "x", count: 5_000)), on: .first) > 0 {}
        let events = server.takeEvents()
        guard case .streamAborted(.first, let error)? = events.first, events.count == 1 else {
            Issue.record("\(events)")
            return
        }
        #expect(error.code == .answerTooLarge)
        #expect(server.takeFrames().last?.knownType == .error)
        server.sendDelta(.text("still here"), on: .second)
        #expect(server.takeFrames().map(\.stream) == [3])
    }

    @Test("RESULTs that a client gives no credit for wait up to a bound, and give their bytes back when their streams go")
    func waitingResults() {
        final class Budget: RequestAdmission {
            var reserved = 0
            func reserve(_ bytes: Int) -> Bool {
                reserved += bytes
                return true
            }
            func release(_ bytes: Int) { reserved -= bytes }
        }
        let budget = Budget()
        var settings = ServerSettings()
        settings.maxWaitingResultBytes = 250_000
        var server = ServerConnection.open(settings, clientLimits: tight, admission: budget)
        let streams = (0..<6).map { StreamID(rawValue: 1 + 2 * $0) }
        let result = ResultBody(.chat(ChatResult(choices: [Choice(index: 0, items: [Item(kind: .text, data: noise(100_000))])])))
        var refused: [StreamID] = []
        for stream in streams {
            server.receive(TestFrame(whole: .request, on: stream.rawValue, Request.chat()))
            _ = server.takeEvents()
            server.sendBegin(Begin(), on: stream)
            server.sendResult(result, on: stream)
            for case .streamAborted(let id, let error) in server.takeEvents() {
                #expect(error.code == .answerTooLarge)
                refused.append(id)
            }
        }
        #expect(refused == Array(streams.dropFirst(2)))
        #expect(server.openStreams == 2)
        #expect(server.waitingResultBytes == 2 * result.encodedLength)
        #expect(budget.reserved == server.waitingResultBytes + server.inFlightRequestBytes)

        // Credit for the first lets it out, and then another may wait.
        server.sendEnd(End(), on: streams[0])
        _ = server.takeFrames()
        for _ in 0..<8 {
            server.receive(.credit(16_384, on: streams[0].rawValue))
            _ = server.takeEvents()
            _ = server.takeFrames()
        }
        #expect(server.openStreams == 1)
        #expect(server.waitingResultBytes == result.encodedLength)
        server.receive(TestFrame(.cancel, on: streams[1].rawValue, Cancel()))
        _ = server.takeEvents()
        #expect(server.waitingResultBytes == 0 && budget.reserved == 0)
    }

    @Test("a single RESULT may wait whatever its length")
    func oneResultWaits() {
        var settings = ServerSettings()
        settings.maxWaitingResultBytes = 1
        var server = ServerConnection.answering(settings, clientLimits: tight)
        server.sendResult(
            ResultBody(.chat(ChatResult(choices: [Choice(index: 0, items: [Item(kind: .text, data: noise(100_000))])]))), on: .first)
        #expect(server.takeEvents().isEmpty)
        #expect(server.waitingResultBytes > 100_000)
    }

    @Test("a stream becomes writable again once, when the last of its queue is out")
    func writability() {
        var server = ServerConnection.answering(clientLimits: tight)
        #expect(server.isWritable(.first))
        for _ in 0..<4 { server.sendDelta(.text(String(repeating: "x", count: 5_000)), on: .first) }
        #expect(!server.isWritable(.first))
        server.receive(.credit(2_000, on: 1))
        #expect(server.takeEvents().isEmpty && !server.isWritable(.first))
        server.receive(.credit(5_000, on: 1))
        #expect(server.takeEvents() == [.streamWritable(.first)] && server.isWritable(.first))
        server.receive(.credit(5_000, on: 1))
        #expect(server.takeEvents().isEmpty)
    }

    @Test("a few small deltas may wait for each stream, so that streams have something to send when their turn comes")
    func backlog() {
        var server = ServerConnection.answering(
            clientLimits: Limits(initialConnectionCredit: 16_384), on: [.first, .second])
        // Each stream is filled up before the other is looked at, as an answer is that was held back.
        func produce() {
            for id in [StreamID.first, .second] {
                while server.isWritable(id) { server.sendDelta(.text(String(repeating: "x", count: 500)), on: id) }
            }
        }
        produce()
        _ = server.takeFrames()
        var sent: [UInt32: Int] = [:]
        for _ in 0..<10 {
            server.receive(.credit(8_192, on: 0))
            _ = server.takeEvents()
            produce()
            for frame in server.takeFrames() { sent[frame.stream, default: 0] += 1 }
        }
        #expect(abs((sent[1] ?? 0) - (sent[3] ?? 0)) <= 2 * 9, "\(sent)")
        #expect((sent[1] ?? 0) + (sent[3] ?? 0) > 150, "\(sent)")
    }

    @Test("END waits behind queued deltas, and the stream is over when it is out")
    func endWaits() {
        var server = ServerConnection.answering(clientLimits: tight)
        for _ in 0..<4 { server.sendDelta(.text(String(repeating: "x", count: 5_000)), on: .first) }
        server.sendEnd(End(), on: .first)
        #expect(server.takeFrames().map(\.knownType) == [.delta, .delta, .delta])
        #expect(server.openStreams == 1)
        server.receive(.credit(10_000, on: 1))
        #expect(server.takeEvents().isEmpty)
        #expect(server.takeFrames().map(\.knownType) == [.delta, .end])
        #expect(server.openStreams == 0)
    }

    @Test("ERROR waits in line, or at a deadline overtakes what is queued")
    func errorOrder() {
        for overtakes in [false, true] {
            var server = ServerConnection.answering(clientLimits: tight)
            for _ in 0..<4 { server.sendDelta(.text(String(repeating: "x", count: 5_000)), on: .first) }
            server.sendError(ErrorBody(code: .deadlineExceeded), on: .first, discardingQueued: overtakes)
            #expect(server.takeFrames().map(\.knownType) == [.delta, .delta, .delta] + (overtakes ? [.error] : []))
            server.receive(.credit(10_000, on: 1))
            #expect(server.takeEvents().isEmpty)
            #expect(server.takeFrames().map(\.knownType) == (overtakes ? [] : [.delta, .error]))
        }
    }

    @Test("a whole answer goes out in fragments as credit comes")
    func wholeAnswer() throws {
        var server = ServerConnection.answering(clientLimits: tight)
        let result = ResultBody(.chat(ChatResult(choices: [Choice(items: [Item(kind: .text, data: noise(20_000))])])))
        server.sendResult(result, on: .first)
        server.sendEnd(End(), on: .first)
        var frames = server.takeFrames()
        #expect(frames.map(\.payload.readableBytes) == [8_192, 8_192] && frames.allSatisfy { $0.flags == .more })
        server.receive(.credit(8_192, on: 1))
        _ = server.takeEvents()
        frames += server.takeFrames()
        #expect(frames.map(\.knownType) == [.result, .result, .result, .end] && frames[2].flags == [])
        var message = ByteBuffer()
        for frame in frames.dropLast() { message.writeImmutableBuffer(frame.payload) }
        let length = message.readInteger(as: UInt32.self)
        #expect(length.map(Int.init) == message.readableBytes)
        #expect(try ResultBody.decode(from: message) == result)
    }

    @Test("a whole answer larger than the client accepts becomes an error")
    func answerTooLarge() throws {
        var server = ServerConnection.answering(clientLimits: Limits(maxMessageBytes: 1_000))
        server.sendResult(ResultBody(.chat(ChatResult(choices: [Choice(items: [Item(data: noise(1_000))])]))), on: .first)
        server.sendEnd(End(), on: .first)
        let frames = server.takeFrames()
        #expect(frames.map(\.knownType) == [.error])
        #expect(try frames[0].decoded(as: ErrorBody.self).code == .answerTooLarge)
        #expect(server.takeEvents().count == 1 && server.openStreams == 0)
    }

    @Test("an END that is too long loses what is only for people, an ERROR the end of its message")
    func longControlFrames() throws {
        var server = ServerConnection.answering(on: [.first, .second])
        let timings = (0..<1_000).map { PhaseTiming(phase: Text("phase \($0)"), microseconds: 1) }
        server.sendEnd(End(finishes: [Finish(reason: .stop)], costNanoUSD: 5, timings: timings), on: .first)
        server.sendError(ErrorBody(code: .upstreamRejected, message: Text(String(repeating: "ñ", count: 5_000))), on: .second)
        let frames = server.takeFrames()
        let end: End = try frames[0].decoded()
        #expect(end == End(finishes: [Finish(reason: .stop)], costNanoUSD: 5))
        let error: ErrorBody = try frames[1].decoded()
        #expect(error.message.count == 6_144 && error.message.string.allSatisfy { $0 == "ñ" })
    }

    @Test("calls on a stream that is over do nothing")
    func callsAfterTheEnd() {
        var server = ServerConnection.answering()
        server.receive(TestFrame(.cancel, on: 1, Cancel(reason: .caller)))
        #expect(server.takeEvents() == [.cancelReceived(.first, .caller)])
        #expect(server.sendDelta(.text("late"), on: .first) == 0)
        server.sendResult(ResultBody(), on: .first)
        server.sendEnd(End(), on: .first)
        server.sendError(ErrorBody(), on: .first)
        #expect(server.takeFrames().isEmpty && server.takeEvents().isEmpty && !server.isWritable(.first))
    }

    @Test("a client that takes nothing for two minutes loses that stream, and only that")
    func stalled() throws {
        var settings = ServerSettings()
        settings.common.keepAliveInterval = nil
        var server = ServerConnection.answering(settings, clientLimits: tight, on: [.first, .second])
        for _ in 0..<4 { server.sendDelta(.text(String(repeating: "x", count: 5_000)), on: .first) }
        _ = server.takeFrames()
        #expect(server.nextDeadline == .start + .seconds(120))
        server.timerFired(now: .start + .seconds(119))
        #expect(server.takeEvents().isEmpty)
        server.timerFired(now: .start + .seconds(120))
        guard case .streamAborted(.first, let error)? = server.takeEvents().first else {
            Issue.record("nothing was aborted")
            return
        }
        #expect(error.code == .stalled && server.openStreams == 1 && server.nextDeadline == nil)
        #expect(server.takeFrames().map(\.knownType) == [.error])
    }

    @Test("a resumed answer goes on with the sequence that the client lacks")
    func resumed() throws {
        var server = ServerConnection.open()
        server.receive(TestFrame(whole: .request, on: 1, Request(operation: .resume(ResumeRequest(responseID: "r", lastSequence: 7)))))
        _ = server.takeEvents()
        server.sendBegin(Begin(responseID: "r"), on: .first, firstSequence: 8)
        #expect(server.sendDelta(.text("more"), on: .first) == 8)
        #expect(try server.takeFrames()[1].decoded(as: Delta.self).sequence == 8)
    }

    @Test("padded DELTAs have lengths that are powers of two, and are not compressed")
    func padding() throws {
        var settings = ServerSettings()
        settings.features = .padding
        var server = ServerConnection.answering(settings, features: [.lz4, .padding], compressor: LZ4Compressor())
        #expect(server.features == [.lz4, .padding])
        for length in [0, 1, 30, 54, 55, 56, 57, 100, 118, 119, 185, 186, 187, 5_000, 70_000] {
            server.sendDelta(.text(String(repeating: "x", count: length)), on: .first)
        }
        for frame in server.takeFrames() {
            #expect(!frame.flags.contains(.compressed))
            let length = frame.payload.readableBytes
            #expect(length >= 64 && length & (length - 1) == 0, "\(length)")
            _ = try frame.decoded(as: Delta.self)
        }
    }

    @Test("frames are compressed from 512 bytes on, if that makes them shorter, and if it was agreed")
    func compression() {
        func flags(_ data: ByteBuffer, features: Features = .lz4) -> FrameFlags? {
            var server = ServerConnection.answering(features: features, compressor: LZ4Compressor())
            server.sendDelta(Delta(kind: .text, data: data), on: .first)
            return server.takeFrames().first?.flags
        }
        #expect(flags(ByteBuffer(repeating: 0x78, count: 511 - 8)) == [])
        #expect(flags(ByteBuffer(repeating: 0x78, count: 512)) == .compressed)
        #expect(flags(ByteBuffer(repeating: 0x78, count: 512), features: []) == [])
        #expect(flags(noise(5_000)) == [])
    }

    @Test("what takes credit waits while the socket takes nothing; what does not goes out")
    func slowSocket() {
        var settings = ServerSettings()
        settings.common.maxOutboundBytes = 10_000
        var server = ServerConnection.answering(settings, on: [.first, .second])
        for _ in 0..<5 { server.sendDelta(.text(String(repeating: "x", count: 4_000)), on: .first) }
        #expect(!server.isWritable(.first) && server.outboundBytes < 15_000)
        server.sendError(ErrorBody(code: .upstreamError), on: .second)
        #expect(server.takeFrames().map(\.knownType) == [.delta, .delta, .delta, .error, .delta, .delta])
        #expect(server.takeEvents() == [.streamWritable(.first)])
    }
}
