import NIOCore
import Providers
import SeededRandomness
import Testing

@Suite("SSE parser")
struct SSEParserTests {
    /// An event in readable form.
    struct Event: Equatable, CustomStringConvertible {
        var name = ""
        var data: String

        init(_ data: String, name: String = "") {
            self.data = data
            self.name = name
        }

        var description: String { "\(name.debugDescription): \(data.debugDescription)" }
    }

    static func parse(_ pieces: some Sequence<some Sequence<UInt8>>, maxEventBytes: Int = 1 << 20) -> (events: [Event], fault: SSEFault?) {
        var parser = SSEParser(maxEventBytes: maxEventBytes)
        var events: [Event] = []
        do {
            for piece in pieces {
                parser.append(ByteBuffer(bytes: piece))
                while let event = try parser.nextEvent() {
                    events.append(Event(String(buffer: event.data), name: String(buffer: event.name)))
                }
            }
            return (events, nil)
        } catch {
            return (events, error)
        }
    }

    static func parse(_ text: String) -> [Event] {
        parse([Array(text.utf8)]).events
    }

    @Test(
        "the standard's examples and corners",
        arguments: [
            ("data: YHOO\ndata: +2\ndata: 10\n\n", [Event("YHOO\n+2\n10")]),
            (
                ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
                [
                    Event("first event"), Event("second event"), Event(" third event"),
                ]
            ),
            ("data\n\ndata\ndata\n\ndata:", [Event(""), Event("\n")]),
            ("data:test\n\ndata: test\n\n", [Event("test"), Event("test")]),
            ("event: add\ndata: 1\n\ndata: 2\n\n", [Event("1", name: "add"), Event("2")]),
            ("event: only\n\ndata: x\n\n", [Event("x")]),
            ("event: a\nevent: b\ndata: x\n\n", [Event("x", name: "b")]),
            ("retry: 10\nid: 7\nunknown: 1\ndatas: 2\ndat: 3\nDATA: 4\n data: 5\neventx: 6\n\n", []),
            ("data: a: b:c\n\n", [Event("a: b:c")]),
            ("data: with\ttab\n\n", [Event("with\ttab")]),
            (
                "data: one\r\n\r\ndata: two\r\rdata: three\n\ndata: four\r\n\n",
                [
                    Event("one"), Event("two"), Event("three"), Event("four"),
                ]
            ),
            ("\u{FEFF}data: marked\n\n", [Event("marked")]),
            ("\u{FEFF}\u{FEFF}data: twice\n\n", []),
            ("data: a\u{FEFF}b\n\n", [Event("a\u{FEFF}b")]),
            ("\n\n\n\ndata: x\n\n\n\n", [Event("x")]),
            ("data: cut off\n", []),
            (": \u{1}\u{0} comments may hold anything\n\ndata: x\n\n", [Event("x")]),
            ("data: {\"delta\":\"ü😀\"}\n\ndata: [DONE]\n\n", [Event("{\"delta\":\"ü😀\"}"), Event("[DONE]")]),
        ] as [(String, [Event])])
    func examples(stream: String, expected: [Event]) {
        #expect(Self.parse(stream) == expected)
    }

    @Test("any splitting gives the same events as the whole")
    func splitting() {
        let alphabet = [
            "data", "event", ":", " ", "\n", "\r", "\r\n", "x", "\u{FEFF}", "id", "\t", "é", "data: y\n", "event: z\r\n", "\n\n", "\u{2}",
        ]
        var random = SeededRandom(seed: 0x5E5E)
        for _ in 0..<2000 {
            let text = (0..<Int.random(in: 0...40, using: &random)).map { _ in alphabet.randomElement(using: &random) ?? "" }.joined()
            let bytes = Array(text.utf8)
            let whole = Self.parse([bytes])
            let byteByByte = Self.parse(bytes.map { [$0] })
            #expect(whole.events == byteByByte.events, "\(text.debugDescription)")
            #expect(whole.fault == byteByByte.fault, "\(text.debugDescription)")
            var pieces: [ArraySlice<UInt8>] = []
            var rest = bytes[...]
            while !rest.isEmpty {
                let piece = rest.prefix(Int.random(in: 1...12, using: &random))
                pieces.append(piece)
                rest = rest.dropFirst(piece.count)
            }
            let split = Self.parse(pieces)
            #expect(whole.events == split.events, "\(text.debugDescription)")
            #expect(whole.fault == split.fault, "\(text.debugDescription)")
        }
    }

    @Test("random bytes neither crash nor hang, and give the same however they are split")
    func randomBytes() {
        var random = SeededRandom(seed: 77)
        for _ in 0..<1000 {
            let lowest = UInt8.random(in: 0...0x20, using: &random)
            let bytes = (0..<Int.random(in: 0...200, using: &random)).map { _ in
                Int.random(in: 0..<150, using: &random) == 0 ? 0x0A : UInt8.random(in: lowest...255, using: &random)
            }
            let whole = Self.parse([bytes], maxEventBytes: 64)
            let split = Self.parse(bytes.map { [$0] }, maxEventBytes: 64)
            #expect(whole.events == split.events)
            #expect(whole.fault == split.fault)
        }
    }

    @Test("control characters in fields are a fault, in the name, the value and fields that are ignored", arguments: UInt8(0)..<0x20)
    func controlCharacters(byte: UInt8) {
        let isAllowed = [UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t")].contains(byte)
        for field in ["data: before the \u{1}and after it\n\n", "ev\u{1}ent: x\n\n", "id: \u{1}\n\n"] {
            let bytes = field.utf8.map { $0 == 1 ? byte : $0 }
            #expect(Self.parse([bytes]).fault == (isAllowed ? nil : .controlCharacter))
        }
    }

    @Test("a fault stays, and what came before it is delivered")
    func faultStays() throws {
        var parser = SSEParser()
        parser.append(ByteBuffer(string: "data: good\n\ndata: \u{0}\n\n"))
        #expect(try parser.nextEvent()?.data == ByteBuffer(string: "good"))
        for _ in 0..<2 {
            #expect(throws: SSEFault.controlCharacter) { try parser.nextEvent() }
            parser.append(ByteBuffer(string: "data: more\n\n"))
        }
    }

    @Test(
        "an event beyond the limit is a fault, however it is made",
        arguments: [
            "data: \(String(repeating: "x", count: 200))\n\n", String(repeating: "data:\n", count: 200),
            String(repeating: "data: 12345\n", count: 50), ": \(String(repeating: "x", count: 200))\n", String(repeating: "x", count: 200),
            "event: \(String(repeating: "e", count: 60))\ndata: \(String(repeating: "d", count: 60))\n\n",
        ])
    func tooLarge(stream: String) {
        #expect(Self.parse([Array(stream.utf8)], maxEventBytes: 100).fault == .eventTooLarge)
        #expect(Self.parse(stream.utf8.map { [$0] }, maxEventBytes: 100).fault == .eventTooLarge)
    }

    @Test("an event just at the limit passes, any number of times")
    func atTheLimit() {
        let data = String(repeating: "x", count: 94)
        let stream = String(repeating: "data: \(data)\n\n", count: 20)
        let result = Self.parse([Array(stream.utf8)], maxEventBytes: 100)
        #expect(result.events == Array(repeating: Event(data), count: 20))
        #expect(result.fault == nil)
    }

    @Test("a data line that lies whole in the receive buffer is a slice of it")
    func noCopy() throws {
        var parser = SSEParser()
        let received = ByteBuffer(string: "data: first\n\ndata: second\n\n")
        let storage = received.withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress) }
        parser.append(received)
        let first = try #require(try parser.nextEvent())
        let second = try #require(try parser.nextEvent())
        #expect(first.data.withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress) } == storage + 6)
        #expect(second.data.withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress) } == storage + 19)
    }

    @Test("whether the stream stopped inside an event can be told")
    func midEvent() throws {
        for (stream, isMidEvent) in [("", false), ("data: x\n\n", false), ("data: x\n", true), ("da", true), ("event: x\n", true)] {
            var parser = SSEParser()
            parser.append(ByteBuffer(string: stream))
            while try parser.nextEvent() != nil {}
            #expect(parser.isMidEvent == isMidEvent, "\(stream.debugDescription)")
        }
    }
}
