import Foundation
import NIOCore
import NIOHTTP1

/// One connection: collects requests, decides each one's answer and has it played, in order.
final class ProviderHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = ByteBuffer

    private struct Request {
        var head: HTTPRequestHead
        var body: ByteBuffer
    }

    private let state: ProviderState
    private let connection: Int
    private var head: HTTPRequestHead?
    private var body = ByteBuffer()
    private var waiting: CircularBuffer<Request> = []
    private var player: AnswerPlayer?
    /// A control request waits for its condition.
    private var isDeferred = false
    private var currentIsCounted = false
    private var currentNumber: Int?

    private static let maxBodyBytes = 64 << 20
    private static let maxWaiting = 64

    init(state: ProviderState) {
        self.state = state
        state.changeStatistics { $0.acceptedConnections += 1 }
        connection = state.statistics.acceptedConnections
    }

    func channelActive(context: ChannelHandlerContext) {
        state.changeStatistics { $0.openConnections += 1 }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if let player {
            player.stop()
            finish(outcome: "closed_early") { $0.closedEarly += 1 }
        }
        player = nil
        isDeferred = false
        state.changeStatistics { $0.openConnections -= 1 }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            if head.headers.first(name: "expect")?.lowercased() == "100-continue" {
                context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n")), promise: nil)
            }
        case .body(let bytes):
            if body.readableBytes == 0 {
                body = bytes
            } else {
                body.writeImmutableBuffer(bytes)
            }
            if body.readableBytes > Self.maxBodyBytes {
                context.close(promise: nil)
            }
        case .end:
            guard let head else { return }
            let request = Request(head: head, body: body)
            self.head = nil
            body = ByteBuffer()
            if player != nil || isDeferred {
                waiting.append(request)
                if waiting.count > Self.maxWaiting {
                    context.close(promise: nil)
                }
            } else {
                serve(request, context: context)
            }
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            player?.writable()
        }
    }

    private func serve(_ request: Request, context: ChannelHandlerContext) {
        currentIsCounted = request.head.uri.hasPrefix("/v1") || request.head.uri.hasPrefix("/api/")
        currentNumber = nil
        if currentIsCounted {
            state.changeStatistics {
                $0.requests += 1
                $0.bytesReceived += request.body.readableBytes
            }
        }
        if serveBench(request, context: context) { return }

        let path = Self.path(of: request.head.uri)
        var model: String?
        let plan: AnswerPlan
        if currentIsCounted {
            currentNumber = state.record.add(
                connection: connection, method: request.head.method.rawValue, path: request.head.uri,
                headers: request.head.headers.map { (name: $0.name, value: $0.value) }, body: request.body)
            plan = providerPlan(path: path, request: request, model: &model)
        } else if let condition = StatisticsCondition(uri: request.head.uri) {
            isDeferred = true
            state.wait(for: condition) { [weak self] in
                guard let self, isDeferred else { return }
                isDeferred = false
                play(ControlEndpoints.statistics(state), model: nil, keepsAlive: request.head.isKeepAlive, context: context)
            }
            return
        } else {
            plan = ControlEndpoints.plan(method: request.head.method, uri: request.head.uri, state: state)
        }
        play(plan, model: model, keepsAlive: request.head.isKeepAlive, context: context)
    }

    private func play(_ plan: AnswerPlan, model: String?, keepsAlive: Bool, context: ChannelHandlerContext) {
        let player = AnswerPlayer(plan: plan, context: context)
        player.onSent = { [state, currentIsCounted, number = currentNumber] bytes, tokens, isFirst in
            guard currentIsCounted else { return }
            state.changeStatistics { $0.bytesSent += bytes }
            if let model, let promptTokens = plan.promptTokens {
                let entry = BillEntry(requests: isFirst ? 1 : 0, promptTokens: isFirst ? promptTokens : 0, completionTokens: tokens)
                state.charge(model, entry, number: number)
            }
        }
        player.onFinished = { [unowned self] closed in
            self.player = nil
            finish(outcome: "completed") { $0.completed += 1 }
            if closed { return }
            if !keepsAlive {
                context.close(promise: nil)
            } else if let next = waiting.popFirst() {
                serve(next, context: context)
            }
        }
        self.player = player
        player.start()
    }

    private func finish(outcome: String, _ change: (inout ProviderState.Statistics) -> Void) {
        guard currentIsCounted else { return }
        if let currentNumber {
            state.record.setOutcome(outcome, of: currentNumber)
        }
        state.changeStatistics(change)
    }

    /// The whole of a benchmark's request: one search, one write.
    private func serveBench(_ request: Request, context: ChannelHandlerContext) -> Bool {
        guard currentIsCounted, request.head.method == .POST, request.head.uri == "/v1/chat/completions", isAuthorized(request.head),
            request.head.isKeepAlive, let bench = BenchAnswers.request(in: request.body)
        else { return false }
        let answer = state.bench.answer(to: bench)
        context.writeAndFlush(wrapOutboundOut(answer.bytes), promise: nil)
        state.charge("bench", BillEntry(requests: 1, promptTokens: answer.promptTokens, completionTokens: answer.completionTokens))
        state.changeStatistics {
            $0.bytesSent += answer.bytes.readableBytes
            $0.completed += 1
        }
        return true
    }

    private func isAuthorized(_ head: HTTPRequestHead) -> Bool {
        guard let key = state.requiredKey else { return true }
        return head.headers.first(name: "authorization") == "Bearer \(key)" || head.headers.first(name: "x-api-key") == key
            || head.headers.first(name: "x-goog-api-key") == key
    }

    /// Without its query, and without `via/NAME` behind `/v1`, by which callers that share the provider are told apart in its record.
    private static func path(of uri: String) -> String {
        let path = String(uri.prefix { $0 != "?" })
        guard path.hasPrefix("/v1/via/") else { return path }
        return "/v1" + path.dropFirst("/v1/via/".count).drop { $0 != "/" }
    }

    private func providerPlan(path: String, request: Request, model: inout String?) -> AnswerPlan {
        let id = state.nextRequestID()
        let headers = ProviderState.headers(requestID: "req_\(id)")
        guard isAuthorized(request.head) else {
            return Failure(status: 401).map { AnswerPlan(failure: $0, headers: headers) } ?? AnswerPlan(steps: [.close])
        }
        switch (request.head.method, path) {
        case (.POST, "/v1/chat/completions"):
            return chatPlan(request, .chat, id: id, headers: headers, model: &model)
        // Azure's form: a deployment's name in the path.
        case (.POST, _) where path.hasPrefix("/v1/deployments/") && path.hasSuffix("/chat/completions"):
            return chatPlan(request, .chat, id: id, headers: headers, model: &model)
        case (.POST, "/v1/completions"):
            return chatPlan(request, .completions, id: id, headers: headers, model: &model)
        case (.POST, "/v1/messages"):
            return chatPlan(request, .messages, id: id, headers: headers, model: &model)
        case (.POST, "/v1/embeddings"):
            return embeddingsPlan(Embeddings(request.body), headers: headers, model: &model) { $0.json }
        case (.POST, "/api/chat"):
            return chatPlan(request, .ollama, id: id, headers: headers, model: &model)
        case (.POST, "/api/embed"):
            return embeddingsPlan(Embeddings(request.body), headers: headers, model: &model) { $0.ollama }
        case (.POST, _) where path.hasPrefix("/v1beta/models/"):
            return geminiPlan(path.dropFirst("/v1beta/models/".count), request, id: id, headers: headers, model: &model)
        case (.POST, "/v1/messages/count_tokens"):
            return countPlan(request, headers: headers)
        case (.GET, "/v1/models"):
            return AnswerPlan(status: "200 OK", headers: headers, body: ModelList.json)
        case (.GET, _) where path.hasPrefix("/v1/models/"):
            let name = path.dropFirst("/v1/models/".count)
            return AnswerPlan(status: "200 OK", headers: headers, body: ModelList.json(of: name.removingPercentEncoding ?? String(name)))
        default:
            let failure = Failure(
                status: 404, reason: "Not Found", code: "unknown_url",
                message: "Invalid URL (\(request.head.method.rawValue) \(path))")
            return AnswerPlan(failure: failure, headers: headers)
        }
    }

    /// The model's name and the method stand in the path.
    private func geminiPlan(_ path: Substring, _ request: Request, id: String, headers: String, model: inout String?) -> AnswerPlan {
        let colon = path.lastIndex(of: ":") ?? path.endIndex
        let name = String(path[..<colon]).removingPercentEncoding ?? ""
        switch path[colon...].dropFirst() {
        case "generateContent": return chatPlan(request, .gemini, name: name, id: id, headers: headers, model: &model)
        case "streamGenerateContent":
            return chatPlan(request, .gemini, name: name, isStream: true, id: id, headers: headers, model: &model)
        case "batchEmbedContents":
            return embeddingsPlan(Embeddings(gemini: request.body, model: name), headers: headers, model: &model) { $0.gemini }
        case "countTokens":
            guard let count = try? ChatRequest(gemini: request.body, model: name, isStream: false) else { break }
            return AnswerPlan(status: "200 OK", headers: headers, body: "{\"totalTokens\":\(count.promptTokens)}")
        default: break
        }
        let failure = Failure(status: 400, reason: "Bad Request", message: "Invalid request to \(path).")
        return AnswerPlan(failure: failure, headers: headers, dialect: .gemini)
    }

    private func embeddingsPlan(
        _ wanted: Embeddings?, headers: String, model: inout String?, _ json: (Embeddings) -> String
    ) -> AnswerPlan {
        guard let wanted else {
            let failure = Failure(status: 400, reason: "Bad Request", parameter: "input", message: "input must be text")
            return AnswerPlan(failure: failure, headers: headers)
        }
        if case .failure(let status) = Behaviour(model: wanted.model)?.breakage, let failure = Failure(status: status) {
            return AnswerPlan(failure: failure, headers: headers)
        }
        model = wanted.model
        return AnswerPlan(status: "200 OK", headers: headers, body: json(wanted))
    }

    private func countPlan(_ request: Request, headers: String) -> AnswerPlan {
        guard let count = try? ChatRequest(counting: request.body) else {
            let failure = Failure(status: 400, reason: "Bad Request", message: "messages: Field required")
            return AnswerPlan(failure: failure, headers: headers, dialect: .messages)
        }
        return AnswerPlan(status: "200 OK", headers: headers, body: "{\"input_tokens\":\(count.promptTokens)}")
    }

    private static func read(
        _ request: Request, _ dialect: ChatRequest.Dialect, name: String, isStream: Bool
    ) throws(RequestError) -> ChatRequest {
        switch dialect {
        case .chat: try ChatRequest(body: request.body)
        case .messages: try ChatRequest(messages: request.body, request.head.headers)
        case .completions: try ChatRequest(completions: request.body)
        case .ollama: try ChatRequest(ollama: request.body)
        case .gemini: try ChatRequest(gemini: request.body, model: name, isStream: isStream)
        }
    }

    private static func prefix(_ dialect: ChatRequest.Dialect) -> String {
        switch dialect {
        case .chat: "chatcmpl-"
        case .completions: "cmpl-"
        case .messages, .ollama, .gemini: "msg_"
        }
    }

    /// - Parameters:
    ///   - name: the model's name, where the path has it.
    ///   - isStream: whether the path asks for a stream.
    private func chatPlan(
        _ request: Request, _ dialect: ChatRequest.Dialect, name: String = "", isStream: Bool = false, id: String, headers: String,
        model: inout String?
    ) -> AnswerPlan {
        do throws(RequestError) {
            let chat = try Self.read(request, dialect, name: name, isStream: isStream)
            guard var behaviour = Behaviour(model: chat.model) else {
                throw RequestError(
                    message: "The model's name mixes terms of the scripted provider with others; see its --help.", parameter: "model")
            }
            model = chat.model
            if behaviour.faultyRequests != nil { behaviour = behaviour.forRequest(state.countRequest(chat.model)) }
            let isLimited = behaviour.breakage == .failure(status: 429)
            return AnswerPlan(
                answering: chat, behaviour: behaviour, id: Self.prefix(dialect) + id,
                created: Int(Date().timeIntervalSince1970),
                headers: isLimited ? ProviderState.headers(requestID: "req_\(id)", isLimited: true) : headers)
        } catch {
            let failure = Failure(status: 400, reason: "Bad Request", parameter: error.parameter, message: error.message)
            return AnswerPlan(failure: failure, headers: headers, dialect: dialect)
        }
    }
}
