import ArgumentParser
import Foundation
import NIOCore
import NIOHPACK
import Wire

/// Bytes on the wire, without TLS and below.
struct SizesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sizes",
        abstract: "Measures what a request, an answer and a streamed delta take on the wire, beside JSON over HTTP/1.1 and HTTP/2.",
        discussion: """
            Requests are encoded, the second one of a connection each time: HPACK has the first one's fields in its table. Answers and deltas are what a running gateway \
            sent; HTTP/2's are HTTP/1.1's with its framing in place of chunks. LZ4 is over each body, or each event, alone.
            """)

    @OptionGroup var options: BenchOptions

    struct Report: Codable {
        struct Row: Codable {
            var what: String
            /// Names of forms and their bytes.
            var bytes: [String: Double]
        }

        var date: String
        var rows: [Row] = []

        static let forms = ["HTTP/1.1", "HTTP/1.1, LZ4", "HTTP/2", "HTTP/2, LZ4", "wire", "wire, LZ4"]

        var text: String {
            "\(date), `make bench-sizes`\n\n"
                + Markdown.table(
                    ["bytes of"] + Self.forms.map { ">\($0)" },
                    rows.map { row in [row.what] + Self.forms.map { Markdown.number(row.bytes[$0]) } })
        }
    }

    func run() async throws {
        try await options.run { folders, loop in
            var report = Report(date: Date().ISO8601Format(.iso8601.year().month().day()))
            let conversation = LoadPlan.Variety.conversations(1, turns: 10)
            for (what, prompts, number, text) in [
                ("a request of 841 bytes of JSON", LoadPlan.Variety.same, 0, PromptText()),
                ("a conversation's tenth request", conversation, 9, PromptText()),
                ("a request with a prompt of 20 KiB", .same, 0, PromptText(bytes: 20_480)),
            ] {
                report.rows.append(.init(what: what, bytes: try Self.request(prompts, number, text)))
            }
            let upstream = try UpstreamServer(folders)
            defer { upstream.process.stop() }
            let gateway = try GatewayServer(folders, upstream: upstream)
            defer { gateway.process.stop() }
            report.rows.append(.init(what: "an answer of 16 words, whole", bytes: try await Self.answer(gateway, loop)))
            report.rows.append(.init(what: "a streamed delta of 14 characters", bytes: try await Self.delta(gateway, loop)))
            print(report.text)
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            try options.write("wire-sizes.json", try encoder.encode(report) + Data("\n".utf8))
            try options.write("wire-sizes.md", Data((BenchDocument.sizes + "\n" + report.text).utf8))
        }
    }

    // MARK: requests

    private static let credential = "ask_0123456789abcdefghijklmnopqrstuv_012345"

    private static func request(_ prompts: LoadPlan.Variety, _ number: Int, _ text: PromptText) throws -> [String: Double] {
        func plan(_ door: LoadTarget.Door) -> LoadPlan {
            LoadPlan(
                target: LoadTarget(door: door, port: 0, credential: credential), model: "gpt-4o-mini", prompts: prompts, texts: [text],
                isStreamed: true, pace: .closed, inFlight: 1, warmUp: .zero, duration: .zero)
        }
        let http = try RequestPool(plan(.http)).http(number)
        let head = http.readableBytesView.firstRange(of: Array("\r\n\r\n".utf8))?.upperBound ?? 0
        let body = http.getSlice(at: head, length: http.writerIndex - head) ?? ByteBuffer()
        let packed = compressed(body)
        let fields = try secondHeaderBlock(length: body.readableBytes)
        func http2(_ body: Int) -> Double {
            // HEADERS and DATA, each with 9 bytes before it; DATA has 16,384 at most.
            Double(9 + fields + body + 9 * max(1, (body + 16_383) / 16_384))
        }
        return [
            "HTTP/1.1": Double(http.readableBytes),
            "HTTP/1.1, LZ4": Double(head - http.readerIndex + packed + "content-encoding: lz4\r\n".utf8.count),
            "HTTP/2": http2(body.readableBytes), "HTTP/2, LZ4": http2(packed),
            "wire": Double(frames(plan(.wire), number, nil)), "wire, LZ4": Double(frames(plan(.wire), number, LZ4Compressor())),
        ]
    }

    private static func compressed(_ body: ByteBuffer) -> Int {
        var output = ByteBuffer()
        return body.withUnsafeReadableBytes { LZ4Compressor().compress($0, into: &output) } ?? body.readableBytes
    }

    private static func frames(_ plan: LoadPlan, _ number: Int, _ compressor: LZ4Compressor?) -> Int {
        var machine = ClientConnection(credential: Text(), compressor: compressor, now: .now())
        _ = machine.takeOutbound()
        let request = RequestPool.request(plan, Prompts(plan).messages(number))
        guard (try? machine.send(request)) != nil else { return 0 }
        var bytes = 0
        while let more = machine.takeOutbound() { bytes += more.readableBytes }
        return bytes
    }

    /// HPACK of the same fields a second time; the length differs from the first request's.
    private static func secondHeaderBlock(length: Int) throws -> Int {
        var encoder = HPACKEncoder(allocator: ByteBufferAllocator())
        var block = ByteBuffer()
        for length in [length - 1, length] {
            block.clear()
            let fields: HPACKHeaders = [
                ":method": "POST", ":scheme": "https", ":path": "/v1/chat/completions", ":authority": "localhost:8443",
                "authorization": "Bearer \(credential)", "content-type": "application/json", "content-length": "\(length)",
            ]
            try encoder.encode(headers: fields, to: &block)
        }
        return block.readableBytes
    }

    // MARK: answers

    /// What comes for a request of this model, on average of some.
    private static func received(
        _ gateway: GatewayServer, _ door: LoadTarget.Door, _ model: String, isStreamed: Bool, _ loop: any EventLoop
    ) async throws -> Double {
        var plan = LoadPlan(
            target: gateway.target(door), model: model, isStreamed: isStreamed, pace: .closed, inFlight: 1, streamsPerConnection: 1,
            warmUp: .milliseconds(50), duration: .seconds(30))
        plan.requests = 20
        let result = try await LoadRun.run(plan, on: loop)
        if let failure = result.firstFailure { throw BenchFailure(description: failure) }
        return (Double(result.bytesReceived) / Double(max(1, result.answered))).rounded()
    }

    private static func answer(_ gateway: GatewayServer, _ loop: any EventLoop) async throws -> [String: Double] {
        [
            "HTTP/1.1": try await received(gateway, .http, "bench", isStreamed: false, loop),
            "wire, LZ4": try await received(gateway, .wire, "bench", isStreamed: false, loop),
        ]
    }

    /// The difference between streams of 40 and of 20 deltas.
    private static func delta(_ gateway: GatewayServer, _ loop: any EventLoop) async throws -> [String: Double] {
        func each(_ door: LoadTarget.Door) async throws -> Double {
            let long = try await received(gateway, door, "clock:40:2", isStreamed: true, loop)
            return (long - (try await received(gateway, door, "clock:20:2", isStreamed: true, loop))) / 20
        }
        let chunk = try await each(.http)
        // A chunk is the event's length in hexadecimal digits, two line ends, the event.
        let event = chunk - 4 - (chunk > 260 ? 3 : 2)
        return ["HTTP/1.1": chunk, "HTTP/2": event + 9, "wire, LZ4": try await each(.wire)]
    }
}
