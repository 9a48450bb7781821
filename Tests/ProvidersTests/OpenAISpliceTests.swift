import GatewayCore
import GatewayJSON
import NIOCore
import Providers
import Testing

@Suite("Places of texts in OpenAI's answers")
struct OpenAISpliceTests {
    private static let answers = OpenAIGolden.chunks.map { ($0, false) } + OpenAIGolden.wholes.map { ($0, true) }

    private func read(_ raw: ByteBuffer, isWhole: Bool, _ index: inout JSONIndex) throws -> AnswerChunk {
        isWhole ? try OpenAIAnswer.whole(raw, index: &index) : try OpenAIAnswer.chunk(raw, index: &index)
    }

    @Test("a text put in the place of each fragment is read back there, and nothing else changes")
    func splice() throws {
        var index = JSONIndex()
        for (json, isWhole) in Self.answers {
            // Not at the buffer's start: places count from the reader index.
            var raw = ByteBuffer(string: "data: " + json)
            raw.moveReaderIndex(forwardBy: 6)
            let answer = try read(raw, isWhole: isWhole, &index)
            var splicer = JSONSplicer()
            for (number, fragment) in answer.fragments.enumerated() {
                splicer.replace(try #require(fragment.rawRange), withString: "new \"\(number)\"\n")
            }
            var spliced = ByteBuffer()
            splicer.write(raw, into: &spliced)

            let again = try read(spliced, isWhole: isWhole, &index)
            #expect(again.fragments.map { String(buffer: $0.text) } == answer.fragments.indices.map { "new \"\($0)\"\n" })
            #expect(again.fragments.map(\.key) == answer.fragments.map(\.key))
            #expect(
                again.fragments.map(\.name) == answer.fragments.map(\.name)
                    && again.fragments.map(\.callID) == answer.fragments.map(\.callID))
            #expect(again.usage == answer.usage && again.finishes == answer.finishes)

            // And back again: the answer as it was, byte for byte.
            splicer.clear()
            for (new, old) in zip(again.fragments, answer.fragments) {
                let range = try #require(old.rawRange)
                splicer.replace(
                    try #require(new.rawRange),
                    withRaw: try #require(raw.getSlice(at: raw.readerIndex + range.lowerBound, length: range.count)))
            }
            var restored = ByteBuffer()
            splicer.write(spliced, into: &restored)
            #expect(String(buffer: restored) == json)
        }
    }

    @Test("fragments come in document order, however a server orders its members")
    func order() throws {
        var index = JSONIndex()
        let members = [
            #""content":"a""#, #""reasoning_content":"b""#, #""refusal":"c""#, #""tool_calls":[{"index":0,"function":{"arguments":"d"}}]"#,
        ]
        for rotation in members.indices {
            let rotated = members[rotation...] + members[..<rotation]
            for ordered in [Array(rotated), rotated.reversed()] {
                let raw = ByteBuffer(string: #"{"id":"c","choices":[{"index":0,"delta":{\#(ordered.joined(separator: ","))}}]}"#)
                let starts = try OpenAIAnswer.chunk(raw, index: &index).fragments.compactMap { $0.rawRange?.lowerBound }
                #expect(starts.count == 4 && starts == starts.sorted())
            }
        }
    }

    @Test("damaged answers are read or refused, and every place lies within the answer", arguments: 0..<4)
    func damaged(seed: UInt64) {
        var random = LinearRandom(state: seed)
        var index = JSONIndex()
        var read = 0
        for _ in 0..<3000 {
            let (json, isWhole) = Self.answers[random.below(Self.answers.count)]
            var bytes = Array(json.utf8)
            for _ in 0...random.below(3) {
                let position = random.below(bytes.count)
                switch random.below(3) {
                case 0: bytes[position] = UInt8(truncatingIfNeeded: random.below(128))
                case 1: bytes.remove(at: position)
                default:
                    bytes.insert(contentsOf: bytes[position..<min(position + random.below(24), bytes.count)], at: random.below(bytes.count))
                }
            }
            guard let answer = try? self.read(ByteBuffer(bytes: bytes), isWhole: isWhole, &index) else { continue }
            read += 1
            var last = 0
            for fragment in answer.fragments {
                #expect(String(validating: fragment.text.readableBytesView, as: UTF8.self) != nil)
                guard let range = fragment.rawRange else { continue }
                #expect(range.lowerBound >= last && range.upperBound <= bytes.count && range.count >= 2)
                #expect(bytes[range.lowerBound] == UInt8(ascii: "\"") && bytes[range.upperBound - 1] == UInt8(ascii: "\""))
                last = range.upperBound
            }
        }
        #expect(read > 100)
    }
}

/// Random numbers from a seed, the same in every run (Knuth's MMIX constants).
private struct LinearRandom {
    var state: UInt64

    mutating func below(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(truncatingIfNeeded: (state >> 33) % UInt64(bound))
    }
}
