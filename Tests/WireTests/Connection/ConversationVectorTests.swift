import Foundation
import NIOCore
import Testing
import Wire

/// `protocol/vectors/conversations`, whose README says what is in a vector.
@Suite("Connection: conversation vectors")
struct ConversationVectorTests {
    @Test("each side answers as the conversations say, however the bytes are cut", arguments: [1, 7, Int.max])
    func conversations(chunk: Int) throws {
        let vectors = try VectorFiles.load("conversations")
        #expect(vectors.count >= 100)
        #expect(Set(vectors.compactMap { $0["name"] as? String }).count == vectors.count)
        for vector in vectors {
            let settings = vector["settings"] as? [String: Any] ?? [:]
            if vector["under_test"] as? String == "server" {
                try run(vector, on: VectorServer(settings: settings), chunk: chunk)
            } else {
                try run(vector, on: VectorClient(settings: settings), chunk: chunk)
            }
        }
    }

    @Test("every rule of SPEC.md's table of malformed input has a vector, and every vector's rule is in it")
    func rules() throws {
        let spec = try String(contentsOf: ProtoSchema.repository.appending(path: "protocol/SPEC.md"), encoding: .utf8)
        let rules = spec.matches(of: /(?m)^\| ([HPKSAC][0-9]+) \|/).map { String($0.output.1) }
        let vectors = try VectorFiles.load("conversations") + VectorFiles.load("frames")
        #expect(Set(rules).count == rules.count && rules.count >= 50)
        #expect(Set(rules) == Set(vectors.compactMap { $0["rule"] as? String }))
    }

    private func run(_ vector: [String: Any], on first: some VectorPeer, chunk: Int) throws {
        let name = try #require(vector["name"] as? String)
        var conversation = Conversation(peer: first, name: name, side: try #require(vector["under_test"] as? String), chunk: chunk)
        for step in try #require(vector["steps"] as? [[String: Any]]) {
            for _ in 0..<(step["times"] as? Int ?? 1) { try conversation.follow(step) }
        }
        conversation.settle()
        #expect(conversation.sent.isEmpty, "\(name): \(conversation.sent)")
        #expect(conversation.peer.machine.isClosed == (vector["ends"] as? String == "closed"), "\(name)")
    }
}

/// A conversation under way.
private struct Conversation<Peer: VectorPeer> {
    var peer: Peer
    let name: String
    let side: String
    let chunk: Int
    var now = NIODeadline.start
    /// Frames of the side under test that no step has asked for yet.
    var sent: [TestFrame] = []
    var toldCount = 0
    var lastPing: ByteBuffer?

    init(peer: Peer, name: String, side: String, chunk: Int) {
        self.peer = peer
        self.name = name
        self.side = side
        self.chunk = chunk
    }

    mutating func follow(_ step: [String: Any]) throws {
        if let milliseconds = step["wait_ms"] as? Int64 {
            settle()
            now = now + .milliseconds(milliseconds)
            peer.machine.timerFired(now: now)
        } else if let action = step["do"] as? String {
            settle()
            try peer.perform(action, step)
        } else if let what = step["told"] as? String {
            settle()
            try checkTold(what, step)
        } else if step["from"] as? String == side {
            settle()
            try checkSent(step)
        } else if step["pong"] != nil {
            peer.machine.receive(TestFrame(.pong, on: 0, payload: try #require(lastPing, "\(name)")), now: now)
        } else {
            var bytes = try VectorFiles.bytes(hex: step["hex"])
            receive(&bytes)
        }
    }

    private mutating func receive(_ bytes: inout ByteBuffer) {
        // Cutting the longest would only take time.
        let chunk = bytes.readableBytes > 10_000 ? Int.max : chunk
        while var piece = bytes.readSlice(length: min(chunk, bytes.readableBytes)), piece.readableBytes > 0 {
            peer.machine.receive(&piece, now: now)
            if chunk < .max { settle() }
        }
    }

    mutating func settle() {
        while let event = peer.machine.nextEvent() { peer.handle(event) }
        let frames = peer.machine.takeFrames()
        lastPing = frames.last { $0.knownType == .ping }?.payload ?? lastPing
        sent += frames
    }

    private mutating func checkTold(_ what: String, _ step: [String: Any]) throws {
        let details = ["stream", "code"].compactMap { step[$0] as? Int }.map(String.init)
        let expected = ([what] + details).joined(separator: " ")
        let told = toldCount < peer.told.count ? peer.told[toldCount] : "nothing"
        #expect(told == expected, "\(name)")
        toldCount += 1
    }

    private mutating func checkSent(_ step: [String: Any]) throws {
        guard !sent.isEmpty else {
            Issue.record("\(name): \(step["means"] ?? "") is missing")
            return
        }
        if step["frames"] != nil {
            let count = sent.prefix { "\($0.knownType as Any)".uppercased().contains("\(step["type"] ?? "")") }.count
            #expect(count > 0, "\(name): \(step["means"] ?? "")")
            sent.removeFirst(count)
            return
        }
        let frame = sent.removeFirst()
        #expect(frame.knownType.map { "\($0)".uppercased() } == step["type"] as? String, "\(name)")
        #expect(frame.stream == step["stream"] as? UInt32, "\(name)")
        let flags = FrameFlags(names: step["flags"] as? [String] ?? [])
        #expect(frame.flags.subtracting(.compressed) == flags.subtracting(.compressed), "\(name)")
        guard let body = step["body"] as? [String: Any] else { return }
        try checkBody(frame, body)
    }

    private func checkBody(_ frame: TestFrame, _ expected: [String: Any]) throws {
        if let increment = expected["increment"] as? UInt32 {
            #expect(frame.payload.getInteger(at: frame.payload.readerIndex) == increment, "\(name)")
        } else if expected["opaque"] != nil {
            #expect(frame.payload == (try VectorFiles.bytes(hex: expected["opaque"])), "\(name)")
        } else {
            let messages: [FrameType: String] = [
                .hello: "Hello", .welcome: "Welcome", .begin: "Begin", .delta: "Delta", .end: "End", .result: "Result", .error: "Error",
                .cancel: "Cancel", .goAway: "GoAway",
            ]
            let type = try #require(CataloguedMessage.all.first { $0.name == frame.knownType.flatMap { messages[$0] } }, "\(name)")
            var payload = frame.payload
            if frame.knownType == .result { payload.moveReaderIndex(forwardBy: 4) }
            let wanted = try type.readByThem(json: String(decoding: JSONSerialization.data(withJSONObject: expected), as: UTF8.self))
            let found = try members(type.readByUs(Array(payload.readableBytesView)).get().json)
            for (field, value) in try members(wanted.json) {
                #expect(found[field] as? NSObject == value as? NSObject, "\(name): \(field)")
            }
        }
    }

    private func members(_ json: String) throws -> [String: Any] {
        try #require(JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
    }
}
