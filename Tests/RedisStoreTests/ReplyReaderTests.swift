import NIOCore
import SeededRandomness
import Testing

@testable import RedisStore

@Suite("The reader of replies")
struct ReplyReaderTests {
    /// A reply as a tree, to compare with.
    indirect enum Tree: Equatable {
        case null
        case integer(Int64)
        case status(String)
        case error(String)
        case string(String)
        case array([Tree])

        var encoded: String {
            switch self {
            case .null: "$-1\r\n"
            case .integer(let number): ":\(number)\r\n"
            case .status(let text): "+\(text)\r\n"
            case .error(let text): "-\(text)\r\n"
            case .string(let text): "$\(text.utf8.count)\r\n\(text)\r\n"
            case .array(let elements): "*\(elements.count)\r\n" + elements.map(\.encoded).joined()
            }
        }

        init(_ value: RedisValue) {
            if let number = value.integer {
                self = .integer(number)
            } else if let elements = value.elements {
                self = .array(elements.map { Tree($0) })
            } else if value.isNull {
                self = .null
            } else if value.error != nil {
                let node = value.reply.nodes[value.index]
                self = .error(value.reply.bytes.getString(at: Int(node.value), length: Int(node.count)) ?? "")
            } else {
                let isStatus = value.reply.nodes[value.index].kind == .status
                self = isStatus ? .status(value.string ?? "") : .string(value.string ?? "")
            }
        }

        static func random(depth: Int, using random: inout SeededRandom) -> Tree {
            switch Int.random(in: 0..<(depth > 0 ? 7 : 5), using: &random) {
            case 0: .null
            case 1: .integer(Int64(bitPattern: UInt64.random(in: .min ... .max, using: &random)))
            case 2: .status("QUEUED")
            case 3: .error("ERR something")
            case 4: .string(String(repeating: "é\r\n", count: Int.random(in: 0..<40, using: &random)))
            default: .array((0..<Int.random(in: 0..<5, using: &random)).map { _ in Self.random(depth: depth - 1, using: &random) })
            }
        }
    }

    private func read(_ text: String, limits: RedisReplyLimits = RedisReplyLimits()) throws -> [Tree] {
        let reader = try #require(RedisReplyReader(limits: limits))
        try reader.feed(ByteBuffer(string: text))
        var replies: [Tree] = []
        while let reply = try reader.next() { replies.append(Tree(reply.value)) }
        return replies
    }

    @Test("every type of reply is read, several from one piece")
    func types() throws {
        let text = "+OK\r\n-ERR no\r\n:-9223372036854775808\r\n$-1\r\n$0\r\n\r\n*-1\r\n*0\r\n*2\r\n*1\r\n:1\r\n$3\r\na\r\n\r\n"
        #expect(
            try read(text) == [
                .status("OK"), .error("ERR no"), .integer(.min), .null, .string(""), .null, .array([]),
                .array([.array([.integer(1)]), .string("a\r\n")]),
            ])
    }

    @Test("replies cut anywhere are read the same")
    func pieces() throws {
        let expected: [Tree] = [.array([.string("hello"), .null, .array([.array([]), .integer(7)])]), .status("OK")]
        let bytes = ByteBuffer(string: expected.map(\.encoded).joined())
        for cut in 0...bytes.readableBytes {
            let reader = try #require(RedisReplyReader(limits: RedisReplyLimits()))
            var replies: [Tree] = []
            for piece in [bytes.getSlice(at: 0, length: cut), bytes.getSlice(at: cut, length: bytes.readableBytes - cut)] {
                try reader.feed(#require(piece))
                while let reply = try reader.next() { replies.append(Tree(reply.value)) }
            }
            #expect(replies == expected)
        }
    }

    @Test("seven arrays may be nested, eight not")
    func nesting() throws {
        #expect(try read(String(repeating: "*1\r\n", count: 7) + ":1\r\n").count == 1)
        #expect(throws: RedisProtocolError.malformed) { try read(String(repeating: "*1\r\n", count: 8) + ":1\r\n") }
    }

    @Test(
        "what is not RESP2 ends the reader for good",
        arguments: ["hello\r\n", "_\r\n", ":1x\r\n", "$-2\r\n", "*99999999999999999999\r\n", "%1\r\n+a\r\n+b\r\n", "*2\r\n:1\r\n?"])
    func malformed(text: String) throws {
        let reader = try #require(RedisReplyReader(limits: RedisReplyLimits()))
        try reader.feed(ByteBuffer(string: text))
        #expect(throws: RedisProtocolError.self) { try reader.next() }
        #expect(throws: RedisProtocolError.self) { try reader.next() }
        #expect(throws: RedisProtocolError.self) { try reader.feed(ByteBuffer(string: "+OK\r\n")) }
    }

    @Test("a reply beyond the limits is refused, whether it has come or is only announced")
    func limits() throws {
        let limits = RedisReplyLimits(maxBytes: 1_000, maxValues: 10)
        #expect(try read(Tree.string(String(repeating: "x", count: 900)).encoded, limits: limits).count == 1)
        #expect(throws: RedisProtocolError.tooLarge) { try read(Tree.string(String(repeating: "x", count: 1_001)).encoded, limits: limits) }
        #expect(throws: RedisProtocolError.tooLarge) { try read("$5000\r\n" + String(repeating: "x", count: 1_001), limits: limits) }
        #expect(throws: RedisProtocolError.tooLarge) { try read("+" + String(repeating: "x", count: 1_001), limits: limits) }
        #expect(throws: RedisProtocolError.tooLarge) { try read("*2147483647\r\n", limits: limits) }
        #expect(throws: RedisProtocolError.tooLarge) { try read("*10\r\n", limits: limits) }
        #expect(throws: RedisProtocolError.tooLarge) {
            try read("*2\r\n*7\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n*1\r\n:1\r\n", limits: limits)
        }
        #expect(try read("*9\r\n" + String(repeating: ":1\r\n", count: 9), limits: limits).count == 1)
    }

    @Test("a reply that is kept stays as it was when the next is read")
    func reuse() throws {
        let reader = try #require(RedisReplyReader(limits: RedisReplyLimits()))
        try reader.feed(ByteBuffer(string: "$5\r\nfirst\r\n$6\r\nsecond\r\n"))
        let first = try #require(try reader.next())
        let second = try #require(try reader.next())
        #expect(first.value.string == "first")
        #expect(second.value.string == "second")
    }

    @Test("random replies are read whole; the same with bytes changed never crash and end in replies or an error", arguments: 0..<8)
    func mutations(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let limits = RedisReplyLimits(maxBytes: 20_000, maxValues: 2_000)
        for _ in 0..<300 {
            let trees = (0..<3).map { _ in Tree.random(depth: 4, using: &random) }
            var bytes = Array(trees.map(\.encoded).joined().utf8)
            let isMutated = Bool.random(using: &random)
            if isMutated {
                for _ in 0..<Int.random(in: 1..<4, using: &random) {
                    let index = Int.random(in: 0..<bytes.count, using: &random)
                    switch Int.random(in: 0..<3, using: &random) {
                    case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
                    case 1: bytes.insert(contentsOf: Array("*9$-:+\r\n".utf8).shuffled(using: &random).prefix(2), at: index)
                    default: bytes.removeSubrange(index..<min(bytes.count, index + 3))
                    }
                    if bytes.isEmpty { bytes = [UInt8(ascii: "*")] }
                }
            }
            let replies = drain(bytes, limits: limits, random: &random)
            if !isMutated { #expect(replies == trees) }
        }
    }

    /// What is read before the end or an error, from pieces of random length.
    private func drain(_ bytes: [UInt8], limits: RedisReplyLimits, random: inout SeededRandom) -> [Tree] {
        guard let reader = RedisReplyReader(limits: limits) else { return [] }
        var replies: [Tree] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = rest.prefix(Int.random(in: 1...64, using: &random))
            rest = rest.dropFirst(piece.count)
            do {
                try reader.feed(ByteBuffer(bytes: piece))
                while let reply = try reader.next() {
                    #expect(reply.nodes.count <= limits.maxValues && reply.bytes.readableBytes <= limits.maxBytes)
                    replies.append(Tree(reply.value))
                }
            } catch {
                return replies
            }
        }
        return replies
    }
}
