import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import SeededRandomness
import Testing
import Wire

@testable import WireServer

@Suite("An answer that can be resumed")
struct ResumableAnswerTests {
    private static let loop = MultiThreadedEventLoopGroup.singleton.next()

    private final class News<Value: Sendable>: Sendable {
        private let values = NIOLockedValueBox<[Value]>([])

        func add(_ value: Value) { values.withLockedValue { $0.append(value) } }

        /// All that came until now.
        func take() async throws -> [Value] {
            // What was posted before is there when this has run.
            try await ResumableAnswerTests.loop.submit {}.get()
            return values.withLockedValue { values in
                defer { values = [] }
                return values
            }
        }
    }

    private static func answer(maxBytes: Int = 1 << 20, room: Int = 1 << 24) -> (ResumableAnswer, News<String>) {
        let answer = ResumableAnswer(maxBytes: maxBytes, room: ResumptionRoom(maxBytes: room))
        let news = News<String>()
        answer.write(on: loop) { news.add("\($0)") }
        answer.begin(Begin(responseID: "r"))
        return (answer, news)
    }

    private static func attach(_ answer: ResumableAnswer, behind sequence: UInt64 = 0) -> (number: Int?, news: News<String>) {
        let news = News<String>()
        return (answer.attach(behind: sequence, on: loop) { news.add("\($0)") }, news)
    }

    private static func delta(_ text: String) -> Delta { Delta(kind: .text, data: ByteBuffer(string: text)) }

    @Test("readers that come and go, each behind what the last one took, read all of it once and in order")
    func readers() throws {
        var random = SeededRandom(seed: 3)
        for _ in 0..<200 {
            let (answer, _) = Self.answer()
            var read: [String] = []
            var last: UInt64 = 0
            var appended = 0
            var isEnded = false
            var number = try #require(Self.attach(answer).number)
            while true {
                switch Int.random(in: 0..<6, using: &random) {
                case 0...2 where appended < 40:
                    #expect(answer.append(Self.delta("\(appended)")))
                    appended += 1
                case 3:
                    if Bool.random(using: &random) { answer.detach(number) }
                    number = try #require(Self.attach(answer, behind: last).number)
                default:
                    let rest = try #require(answer.read(number, maxBytes: Int.random(in: 1...1_000, using: &random)))
                    for delta in rest.deltas {
                        #expect(delta.sequence == last + 1)
                        // What came with a connection that is lost did not come.
                        last = delta.sequence
                        read.append(String(buffer: delta.data))
                    }
                    isEnded = isEnded || rest.ending != nil
                }
                if appended == 40 { answer.end(.whole(End())) }
                if isEnded { break }
            }
            #expect(read == (0..<40).map { "\($0)" })
        }
    }

    @Test("the one that reads is displaced by the next, and hears nothing more; a place that is not kept is refused")
    func displaced() async throws {
        let (answer, writer) = Self.answer()
        let first = Self.attach(answer)
        _ = answer.append(Self.delta("a"))
        #expect(try await first.news.take() == ["more"])
        let second = Self.attach(answer, behind: 1)
        #expect(try await first.news.take() == ["displaced"])
        #expect(try await writer.take() == ["reader"])
        let number = try #require(first.number)
        #expect(answer.read(number, maxBytes: 100) == nil)
        answer.detach(number)
        #expect(try await writer.take() == [])
        answer.detach(try #require(second.number))
        #expect(try await writer.take() == ["reader"])
        #expect(answer.isOrphan)
        #expect(Self.attach(answer, behind: 2).number == nil)
        answer.close()
        #expect(Self.attach(answer, behind: 1).number == nil)
    }

    @Test("the provider waits for a slow reader, and where nobody reads when what may be kept is full; what was read goes first")
    func bounds() async throws {
        let (answer, writer) = Self.answer(maxBytes: 200_000)
        let reader = try #require(Self.attach(answer).number)
        let piece = Self.delta(String(repeating: "x", count: 10_000))
        var count = 1
        while answer.append(piece) { count += 1 }
        #expect(count == 7)
        var taken: UInt64 = 0
        while let rest = answer.read(reader, maxBytes: 1), let delta = rest.deltas.first { taken = delta.sequence }
        #expect(try await writer.take() == ["room"])
        #expect(answer.hasRoom)
        // Read on the other side of the connection, perhaps.
        for _ in 0..<30 {
            _ = answer.append(piece)
            _ = answer.read(reader, maxBytes: 1 << 20)
        }
        #expect(Self.attach(answer, behind: taken).number == nil)
        let kept = try #require(Self.attach(answer, behind: 30).number)
        _ = answer.read(kept, maxBytes: 1 << 20)
        answer.detach(kept)
        count = 0
        while answer.append(piece) { count += 1 }
        #expect(count < 20)
        #expect(!answer.hasRoom)
    }

    @Test("what all answers keep together has a bound")
    func room() throws {
        let room = ResumptionRoom(maxBytes: 100_000)
        let answers = (0..<4).map { _ in ResumableAnswer(maxBytes: 1 << 20, room: room) }
        let piece = Self.delta(String(repeating: "x", count: 10_000))
        for answer in answers {
            answer.begin(Begin())
            let reader = try #require(Self.attach(answer).number)
            for _ in 0..<20 {
                _ = answer.append(piece)
                _ = answer.read(reader, maxBytes: 1 << 20)
            }
        }
        // Each keeps what was read as long as there is room, and then what comes next.
        #expect(Self.attach(answers[3], behind: 19).number != nil)
        #expect(Self.attach(answers[3], behind: 5).number == nil)
        for answer in answers { answer.close() }
        #expect(!room.isFull)
    }
}
