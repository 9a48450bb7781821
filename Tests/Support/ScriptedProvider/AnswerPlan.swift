import NIOCore

/// What is done, one after the other, to answer a request.
enum AnswerStep: Equatable, Sendable {
    case wait(milliseconds: Int)
    /// Sent and flushed; the tokens are billed when it is.
    case send(ByteBuffer, tokens: Int)
    /// Bytes of the letter x, as fast as the connection takes them.
    case sendFiller(bytes: Int)
    case close
    /// Nothing more, and the connection stays open.
    case hang
}

/// The steps of one answer.
struct AnswerPlan {
    private(set) var steps: [AnswerStep] = []
    /// Billed, with one request, when the first bytes are sent; `nil` for what no provider would bill.
    private(set) var promptTokens: Int?
    var drips = false

    init(steps: [AnswerStep]) {
        self.steps = steps
    }

    /// A whole answer with a length.
    init(status: String, headers: String, contentType: String = "application/json", body: String) {
        steps = [.send(Self.head(status, headers + Self.sized(body.utf8.count, contentType), body: body), tokens: 0)]
    }

    init(failure: Failure, headers: String, dialect: ChatRequest.Dialect = .chat) {
        let retryAfter = failure.retryAfterSeconds.map { "retry-after: \($0)\r\nretry-after-ms: \($0 * 1000)\r\n" } ?? ""
        self.init(
            status: "\(failure.status) \(failure.reason)", headers: headers + retryAfter,
            body: failure.body(dialect))
    }

    init(answering request: ChatRequest, behaviour: Behaviour, id: String, created: Int, headers: String) {
        drips = behaviour.drips
        if behaviour.delayMilliseconds > 0 {
            steps.append(.wait(milliseconds: behaviour.delayMilliseconds))
        }
        let answer = ChatAnswer(to: request, behaviour: behaviour, id: id, created: created)
        switch behaviour.breakage {
        case .failure(let status):
            guard let failure = Failure(status: status) else { return }
            steps += Self(failure: failure, headers: headers, dialect: request.dialect).steps
        case .hang:
            steps.append(.hang)
        case .empty:
            steps += Self(status: "200 OK", headers: headers, body: "").steps
        case .html:
            let page = "<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n"
            steps += Self(status: "200 OK", headers: headers, contentType: "text/html; charset=utf-8", body: page).steps
        case .garbage:
            let stream = "data: {\"choices\":[{\n\ndata: <<<not JSON>>>\n\n"
            let object = "{\"id\":\"chatcmpl-1\",\"choices\":[{]]] <<<not JSON>>>"
            steps +=
                Self(
                    status: "200 OK", headers: headers,
                    contentType: request.isStream ? Self.streamType(request.dialect) : "application/json",
                    body: request.isStream ? stream : object
                ).steps
        case .huge(let mebibytes):
            promptTokens = request.promptTokens
            addHuge(answer, request.dialect, bytes: mebibytes << 20, isStream: request.isStream, headers: headers)
        case nil, .hangMidBody, .cut, .badSSE:
            promptTokens = request.promptTokens
            if request.isStream {
                addStream(answer, request, behaviour: behaviour, headers: headers)
            } else {
                addPlain(answer, request.dialect, behaviour: behaviour, headers: headers)
            }
        }
    }

    private mutating func addPlain(_ answer: ChatAnswer, _ dialect: ChatRequest.Dialect, behaviour: Behaviour, headers: String) {
        let body = answer.plain(dialect)
        var whole = Self.head("200 OK", headers + Self.sized(body.utf8.count), body: body)
        switch behaviour.breakage {
        case .cut, .hangMidBody:
            let half = whole.readSlice(length: whole.readableBytes - body.utf8.count / 2) ?? whole
            steps.append(.send(half, tokens: 0))
            steps.append(behaviour.breakage == .cut ? .close : .hang)
        default:
            steps.append(.send(whole, tokens: answer.completionTokens * answer.choices))
        }
    }

    private mutating func addStream(_ answer: ChatAnswer, _ request: ChatRequest, behaviour: Behaviour, headers: String) {
        steps.append(.send(Self.head("200 OK", headers + Self.streaming(request.dialect), body: ""), tokens: 0))
        let chunks = answer.chunks(request.dialect, includesUsage: request.includesUsage)
        let breaksAfter = chunks.count / 2
        for (number, chunk) in chunks.enumerated() {
            if behaviour.chunkDelayMilliseconds > 0 {
                steps.append(.wait(milliseconds: behaviour.chunkDelayMilliseconds))
            }
            switch behaviour.breakage {
            case .cut where number == breaksAfter:
                steps.append(.close)
                return
            case .hangMidBody where number == breaksAfter:
                steps.append(.hang)
                return
            case .badSSE where number == 1:
                steps.append(.send(Self.chunk("data: {\"choices\":\u{0}[]}\u{1B}[31m\u{7}\n\n"), tokens: 0))
            default:
                break
            }
            let text = request.dialect == .ollama ? "\(chunk.json)\n" : "\(chunk.name)data: \(chunk.json)\n\n"
            steps.append(.send(Self.chunk(text), tokens: chunk.tokens))
        }
        switch request.dialect {
        case .chat, .completions: steps.append(.send(Self.chunk("data: [DONE]\n\n", isLast: true), tokens: 0))
        case .messages:
            let end = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
            steps.append(.send(Self.chunk(end, isLast: true), tokens: 0))
        // The last chunk says by itself that it is.
        case .ollama, .gemini: steps.append(.send(ByteBuffer(string: "0\r\n\r\n"), tokens: 0))
        }
    }

    /// The first piece of the text is replaced by the filler.
    private mutating func addHuge(_ answer: ChatAnswer, _ dialect: ChatRequest.Dialect, bytes: Int, isStream: Bool, headers: String) {
        var answer = answer
        answer.pieces = ["FILLER"]
        answer.toolCalls = []
        answer.completionTokens = 1
        let stream = answer.chunks(dialect, includesUsage: false).map(\.json)
        let json = isStream ? stream.first { $0.contains("FILLER") } ?? "" : answer.plain(dialect)
        guard let filler = json.firstRange(of: "FILLER") else { return }
        let before = json[..<filler.lowerBound]
        let after = json[filler.upperBound...]
        if isStream {
            let field = dialect == .ollama ? "" : "data: "
            let size = before.utf8.count + bytes + after.utf8.count + "\(field)\n\n".utf8.count
            let opening = "\(String(size, radix: 16))\r\n\(field)\(before)"
            steps.append(.send(Self.head("200 OK", headers + Self.streaming(dialect), body: opening), tokens: 0))
            steps.append(.sendFiller(bytes: bytes))
            steps.append(.send(ByteBuffer(string: "\(after)\n\n\r\n"), tokens: 1))
            steps.append(.send(Self.chunk("data: [DONE]\n\n", isLast: true), tokens: 0))
        } else {
            let size = before.utf8.count + bytes + after.utf8.count
            steps.append(.send(Self.head("200 OK", headers + Self.sized(size), body: String(before)), tokens: 0))
            steps.append(.sendFiller(bytes: bytes))
            steps.append(.send(ByteBuffer(string: String(after)), tokens: 1))
        }
    }

    private static func streamType(_ dialect: ChatRequest.Dialect) -> String {
        dialect == .ollama ? "application/x-ndjson" : "text/event-stream; charset=utf-8"
    }

    static func streaming(_ dialect: ChatRequest.Dialect = .chat) -> String {
        "content-type: \(streamType(dialect))\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n"
    }

    static func sized(_ bytes: Int, _ contentType: String = "application/json") -> String {
        "content-type: \(contentType)\r\ncontent-length: \(bytes)\r\n"
    }

    static func head(_ status: String, _ headers: String, body: String) -> ByteBuffer {
        ByteBuffer(string: "HTTP/1.1 \(status)\r\n\(headers)\r\n\(body)")
    }

    /// One chunk of the chunked transfer coding.
    static func chunk(_ text: String, isLast: Bool = false) -> ByteBuffer {
        ByteBuffer(string: "\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n\(isLast ? "0\r\n\r\n" : "")")
    }
}
