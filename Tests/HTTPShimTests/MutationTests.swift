import Foundation
import NIOCore
import SeededRandomness
import Testing

/// The door under bytes that are nearly requests: damaged, cut, repeated and put together anew, in any pieces. `AGENTSHIELD_MUTATIONS` runs more of them
/// than a test can: `AGENTSHIELD_MUTATIONS=100000 swift test --filter MutationTests`.
@Suite struct MutationTests {
    private static let count = ProcessInfo.processInfo.environment["AGENTSHIELD_MUTATIONS"].flatMap { Int($0) } ?? 400
    private static let post = "POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nx-api-key: \(ScriptedBackend.key)\r\n"
    private static let whole = [
        "GET /healthz HTTP/1.1\r\nhost: g\r\n\r\n", "GET /v1/models HTTP/1.0\r\nx-api-key: \(ScriptedBackend.key)\r\n\r\n",
        post + "content-length: 2\r\n\r\n{}", post + "transfer-encoding: chunked\r\n\r\n1;a=b\r\n{\r\n1\r\n}\r\n0\r\nx: y\r\n\r\n",
        post + "expect: 100-continue\r\ncontent-length: 2\r\n\r\n{}", "OPTIONS * HTTP/1.1\r\nhost: g\r\n\r\n",
        "GET /v1/models?limit=1&after_id=fast HTTP/1.1\r\nhost: g\r\nanthropic-version: 2023-06-01\r\nx-api-key: \(ScriptedBackend.key)\r\n\r\n",
    ]
    private static let words = [
        "\r\n", "\r", "\n", "\0", ":", " ", "\t", ";", ",", "0", "-1", "ffffffffffffffff", "chunked", "transfer-encoding: chunked\r\n",
        "content-length: 2\r\n", "content-length: 99999999999999999999\r\n", "content-encoding: gzip\r\n", "connection: close\r\n",
        "upgrade: websocket\r\n", "expect: 100-continue\r\n", "host: h\r\n", "HTTP/1.1", "HTTP/2.0", "GET ", "POST ", "PRI ", "http://",
        "%", "{}",
        "\u{FF}", String(repeating: "a", count: 17_000),
    ]

    private static func mutated(_ random: inout SeededRandom) -> [UInt8] {
        var bytes: [UInt8] = []
        for _ in 0..<Int.random(in: 1...4, using: &random) { bytes += whole.randomElement(using: &random).map { Array($0.utf8) } ?? [] }
        for _ in 0..<Int.random(in: 0...6, using: &random) {
            let at = Int.random(in: 0...bytes.count, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0: bytes.insert(contentsOf: words.randomElement(using: &random).map { Array($0.utf8) } ?? [], at: at)
            case 1 where at < bytes.count: bytes[at] = UInt8.random(in: 0...255, using: &random)
            case 2: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 1...20, using: &random)))
            case 3: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + Int.random(in: 1...60, using: &random))], at: at)
            default: bytes.removeSubrange(min(bytes.count, at + 20)...)
            }
        }
        return bytes
    }

    @Test("every request that is begun is answered once and whole, never with a 500, and the connection ends with nothing left behind")
    func survives() throws {
        for seed in 0..<UInt64(Self.count) {
            var random = SeededRandom(seed: seed)
            let bytes = Self.mutated(&random)
            let connection = try HTTP1Connection(isPlain: seed.isMultiple(of: 2))
            connection.backend.onBegin = { $0.answer() }
            var rest = bytes[...]
            while !rest.isEmpty {
                let piece = rest.prefix(Int.random(in: 1...(Bool.random(using: &random) ? 5 : 40_000), using: &random))
                try connection.send(Array(piece))
                rest = rest.dropFirst(piece.count)
            }
            // Whatever waits for more has its time limit.
            connection.advance(.seconds(400))
            let responses = try connection.responses()
            let text = String(decoding: bytes.prefix(2_000), as: UTF8.self)
            let final = responses.filter { $0.status >= 200 }
            #expect(responses.allSatisfy { $0.isComplete && $0.status != 500 }, "seed \(seed): \(text)")
            #expect(final.allSatisfy { $0["x-request-id"] != nil }, "seed \(seed): \(text)")
            #expect(final.count >= connection.backend.exchanges.count, "seed \(seed): \(text)")
            #expect(connection.isClosed || connection.afterUpgrade.isReached, "seed \(seed): \(text)")
            #expect(connection.backend.reservedBytes == 0, "seed \(seed): \(text)")
        }
    }
}
