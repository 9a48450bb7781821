import NIOCore
import NIOPosix
import Testing
import Wire

@testable import GatewayBench

@Suite("Load")
struct LoadTests {
    private func plan(_ door: LoadTarget.Door, _ prompts: LoadPlan.Variety, bytes: Int = 0, isStreamed: Bool = false) -> LoadPlan {
        LoadPlan(
            target: LoadTarget(door: door, port: 1, credential: "key"), prompts: prompts, texts: [PromptText(bytes: bytes)],
            isStreamed: isStreamed, pace: .closed, inFlight: 1, warmUp: .zero, duration: .zero)
    }

    /// The last message that a server reads of a frame.
    private func text(_ frame: ByteBuffer) -> String? {
        var server = ServerConnection(now: .now())
        var bytes = RequestPool.hello("key")
        bytes.writeImmutableBuffer(frame)
        server.receive(&bytes, now: .now())
        while let event = server.nextEvent() {
            if case .helloReceived = event { server.accept() }
            if case .requestReceived(_, let request) = event, case .chat(let chat) = request.operation,
                case .text(let text)? = chat.messages.last?.parts.first?.content
            {
                return text.string
            }
        }
        return nil
    }

    @Test("a server reads each request's own letters from its frame, compressed as it is", arguments: [0, 900, 5_000, 20_000])
    func compressed(bytes: Int) throws {
        let plan = plan(.wire, .unique, bytes: bytes)
        let pool = try RequestPool(plan)
        for number in [0, 1, 9, 10, 12_345, 999_999_999] {
            #expect(text(pool.frame(number, on: StreamID(rawValue: 1))) == Prompts(plan).messages(number).last)
        }
        let plain = try RequestPool(self.plan(.wire, .same, bytes: bytes))
        #expect(text(plain.frame(0, on: StreamID(rawValue: 1))) == PromptText(bytes: bytes).text)
    }

    @Test("a request of the short text has 841 bytes of JSON")
    func size() throws {
        let bytes = try RequestPool(plan(.http, .same)).http(0)
        let text = String(buffer: bytes)
        #expect(text.contains("Content-Length: 841\r\n"))
        #expect(text.split(separator: "\r\n\r\n", maxSplits: 1).last?.utf8.count == 841)
    }

    @Test("where no two may be alike each request has other letters, and as many bytes")
    func unique() throws {
        let pool = try RequestPool(plan(.https, .unique, bytes: 2_000))
        let requests = Set((0..<500).map { String(buffer: pool.http($0)) })
        #expect(requests.count == 500)
        #expect(Set(requests.map(\.utf8.count)).count == 1)
        let frames = try RequestPool(plan(.wire, .unique, bytes: 2_000))
        #expect(Set((0..<500).map { Array(buffer: frames.frame($0, on: StreamID(rawValue: 1))) }).count == 500)
        #expect(frames.frame(3, on: StreamID(rawValue: 77)).getInteger(at: 4, as: UInt32.self) == 77)
    }

    @Test("letters stand for numbers, one for one")
    func letters() {
        #expect(Prompts.letters(0).count == Prompts.mark.utf8.count)
        #expect(Set((0..<2_000).map(Prompts.letters)).count == 2_000)
    }

    @Test("a request that takes several frames is left to the protocol's machine")
    func frames() throws {
        #expect(try RequestPool(plan(.wire, .same)).isSingleFrame)
        #expect(try !RequestPool(plan(.wire, .same, bytes: 1 << 20)).isSingleFrame)
    }

    @Test("prompts have the length and about the findings that were asked for")
    func prompts() {
        for bytes in [1_024, 20_480, 1 << 20] {
            let text = PromptText(bytes: bytes, findingsPerKiB: 2).text
            #expect((bytes...bytes + 400).contains(text.utf8.count))
            let findings = text.matches(of: /@example\.com|\+34 612|ES91|4111/).count
            #expect(abs(findings - bytes / 512) <= bytes / 512 / 10 + 2)
        }
        #expect(PromptText(bytes: 4_096, findingsPerKiB: 0).text.contains("@") == false)
    }

    @Test("a delta's time comes through text that is cut anywhere, and nothing else is taken for one")
    func clock() {
        let times = [NIODeadline.uptimeNanoseconds(0), .uptimeNanoseconds(123_456_789_000), .uptimeNanoseconds(1 << 50)]
        var bytes = Array("data: {\"content\":\"~short ~abcdefghijkZ".utf8)
        for time in times { bytes += DeltaClock.text(time) + Array(" \"}\n\n".utf8) }
        for size in [1, 2, 7, 100] {
            var scanner = DeltaClock.Scanner()
            var found: [NIODeadline] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                scanner.scan(bytes[start..<min(bytes.count, start + size)]) { found.append($0) }
            }
            #expect(found.map { $0.uptimeNanoseconds / 1_000 } == times.map { $0.uptimeNanoseconds / 1_000 })
        }
    }

    @Test("an answer's end is found by its length or its last chunk, wherever it is cut")
    func answers() {
        let whole = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
        let chunked = "HTTP/1.1 503 Busy\r\nconnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        for size in [1, 3, 1_000] {
            var scanner = HTTPAnswerScanner()
            var verdicts: [HTTPAnswerScanner.Verdict] = []
            for answer in [whole, chunked] {
                let bytes = Array(answer.utf8)
                for start in stride(from: 0, to: bytes.count, by: size) {
                    let verdict = scanner.take(ByteBuffer(bytes: bytes[start..<min(bytes.count, start + size)]))
                    if verdict != .more { verdicts.append(verdict) }
                }
            }
            #expect(verdicts == [.whole(status: 200, closes: false), .whole(status: 503, closes: true)])
        }
        var scanner = HTTPAnswerScanner()
        #expect(scanner.take(ByteBuffer(string: "HTTP/1.1 200 OK\r\n\r\n")) == .unreadable)
    }
}

/// Answers a connection's first request at once, and each other a while later, or never.
private final class SlowAnswers: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    private let after: TimeAmount?
    private var isFirst = true

    init(after: TimeAmount?) {
        self.after = after
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let time = isFirst ? .zero : after else { return }
        isFirst = false
        let channel = context.channel
        context.eventLoop.scheduleTask(in: time) {
            channel.writeAndFlush(ByteBuffer(string: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), promise: nil)
        }
    }
}

@Suite("Open load", .timeLimit(.minutes(4)))
struct OpenLoadTests {
    private func run(answersAfter: TimeAmount?, inFlight: Int) async throws -> LoadResult {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        defer { group.shutdownGracefully { _ in } }
        let server = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(SlowAnswers(after: answersAfter))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let target = LoadTarget(door: .http, port: try #require(server.localAddress?.port), credential: "key")
        let plan = LoadPlan(
            target: target, pace: .open(perSecond: 100), inFlight: inFlight, warmUp: .zero, duration: .seconds(2))
        let result = try await LoadRun.run(plan, on: group.next())
        try await server.close()
        return result
    }

    @Test("answers that come after the measurement's end have their latency, and are none of its answers")
    func late() async throws {
        let result = try await run(answersAfter: .seconds(4), inFlight: 4)
        // Four at once, however late a busy machine is, four that are on their way at the end, and whoever waits for a connection then.
        #expect(result.answered == 4 && result.sent == 8 && result.failed == 0)
        #expect(result.unanswered >= 180 && Int(result.latencies.count) == 8 + result.unanswered)
        #expect(result.latencies.microseconds(at: 1) >= 3_990_000)
    }

    @Test("requests that are not answered in time, or find no connection, are told with the time that they have waited")
    func never() async throws {
        let result = try await run(answersAfter: nil, inFlight: 4)
        #expect(result.answered == 4 && result.sent == 8 && result.failed == 0)
        #expect(result.unanswered >= 184 && Int(result.latencies.count) == 4 + result.unanswered)
        #expect(result.latencies.microseconds(at: 0.5) >= 4_900_000)
    }
}

@Suite("The bench's provider")
struct UpstreamTests {
    private func answer(_ body: String, head: String = "POST /v1/chat/completions HTTP/1.1\r\n\r\n") -> UpstreamAnswer? {
        let (head, body) = (ByteBuffer(string: head), ByteBuffer(string: body))
        return head.withUnsafeReadableBytes { head in body.withUnsafeReadableBytes { UpstreamAnswer(head: head, body: $0) } }
    }

    @Test("the model's name says what is answered")
    func models() {
        #expect(answer(#"{"model":"bench"}"#)?.content == .constant(chunks: 16))
        #expect(answer(#"{"model" : "bench:80", "stream" : true}"#)?.content == .constant(chunks: 80))
        #expect(answer(#"{"model" : "bench:80", "stream" : true}"#)?.isStreamed == true)
        #expect(answer(#"{"stream":false,"model":"clock:20:100"}"#)?.content == .clock(deltas: 20, milliseconds: 100))
        #expect(answer(#"{"model":"gpt-4"}"#) == nil)
        #expect(answer(#"{"messages":[]}"#) == nil)
        #expect(answer("", head: "GET /_stats HTTP/1.1\r\n\r\n")?.content == .statistics)
    }

    @Test("a constant answer is whole HTTP with as many chunks as were asked for")
    func bytes() {
        var scanner = HTTPAnswerScanner()
        let whole = answer(#"{"model":"bench"}"#)?.bytes ?? ByteBuffer()
        #expect(scanner.take(whole) == .whole(status: 200, closes: false))
        let streamed = answer(#"{"model":"bench:3","stream":true}"#)?.bytes ?? ByteBuffer()
        #expect(scanner.take(streamed) == .whole(status: 200, closes: false))
        // Three of text, the reason, the usage, the end.
        #expect(String(buffer: streamed).split(separator: "data: ").count - 1 == 6)
    }
}

@Suite("Reports of the bench")
struct ReportTests {
    @Test("a count holds within its bounds, and fails above them and clearly below")
    func verdicts() {
        func finding(_ counted: Double, _ committed: Double?, _ name: String = "n") -> CostVerdict.Finding {
            CostVerdict(name, counted: counted, committed: committed).finding
        }
        #expect(finding(100, 100) == .holds)
        #expect(finding(105, 100) == .holds)
        #expect(finding(106, 100) == .over)
        #expect(finding(94, 100) == .holds)
        #expect(finding(92, 100) == .under)
        #expect(finding(0.4, 0) == .holds)
        #expect(finding(0.6, 0) == .over)
        #expect(finding(1, nil) == .unknown)
        #expect(finding(120, 100, "n, Redis") == .holds && finding(80, 100, "n, Redis") == .holds)
        #expect(finding(127, 100, "n, Redis") == .over && finding(73, 100, "n, Redis") == .under)
        #expect(CostVerdict("n", counted: 100, committed: 100).text.hasPrefix("ok n"))
        #expect(CostVerdict("n", counted: 1, committed: nil).text.hasPrefix("not ok n"))
    }

    @Test("the slope is that of the line through the samples")
    func slope() {
        let line = (0..<100).map { MemoryWatch.Sample(seconds: Double($0) * 36, kibibytes: 1_000 + $0) }
        #expect(abs(MemoryWatch.kibibytesPerHour(line) - 100) < 0.001)
        #expect(MemoryWatch.kibibytesPerHour([]) == 0)
        #expect(MemoryWatch.kibibytesPerHour(Array(repeating: line[0], count: 5)) == 0)
    }

    @Test("rows are held beside nginx's and the provider's under the same load")
    func compare() {
        func row(_ way: String, _ mode: String, cpu: Double, p50: Double) -> BenchReport.Row {
            .init(
                way: way, mode: mode, load: "1,000/s", answered: 1, shed: 0, failed: 0, requestsPerSecond: 1_000, cpuMicroseconds: cpu,
                p50Microseconds: p50, p99Microseconds: p50, p999Microseconds: p50)
        }
        var report = BenchReport(command: "", date: "", machine: .current())
        report.rows = [
            row("provider", Mode.direct, cpu: 0, p50: 100), row("nginx, HTTPS", Mode.proxy, cpu: 50, p50: 150),
            row("AgentShield, wire", Mode.production, cpu: 75, p50: 400),
        ]
        report.compare()
        #expect(report.rows[2].cpuBesideNginx == 1.5)
        #expect(report.rows[2].addedP50Microseconds == 300)
        #expect(report.rows[1].addedP50Microseconds == 50)
        #expect(report.goals.first { $0.aim.hasPrefix("wire: added p50") }?.isMet == true)
        #expect(report.goals.first { $0.aim.hasPrefix("wire: heap allocations per governed") }?.isMet == nil)
        #expect(report.text.contains("| AgentShield, wire | governed, Redis | 1,000/s |"))
    }

    @Test("figures are written with their thousands apart")
    func numbers() {
        #expect(Markdown.number(1_234_567.891, 2) == "1,234,567.89")
        #expect(Markdown.number(-0.4) == "0")
        #expect(Markdown.number(-1_500) == "-1,500")
        #expect(Markdown.number(nil) == "")
    }

    @Test("a chart is one well-formed picture, also of nothing")
    func charts() {
        for lines in [[], [Chart.Line(name: "a < b & c", points: [(1, 10), (100, 5_000)])]] {
            let svg = Chart(title: "t", xLabel: "x", yLabel: "y", isLogarithmic: (true, true), lines: lines).svg
            #expect(svg.hasPrefix("<svg ") && svg.hasSuffix("</svg>\n"))
            #expect(!svg.contains("nan") && !svg.contains("inf") && !svg.contains("< b"))
        }
    }
}
