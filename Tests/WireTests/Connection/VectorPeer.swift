import NIOCore
import Wire

/// The side under test of a conversation vector: a machine, and the application that the vectors' README describes.
protocol VectorPeer {
    associatedtype Machine: ConnectionMachine
    var machine: Machine { get set }
    mutating func handle(_ event: Machine.Event)
    /// A `do` step.
    mutating func perform(_ action: String, _ details: [String: Any]) throws
    /// What the application has learned by now, in the words of `told` steps.
    var told: [String] { get }
}

struct VectorServer: VectorPeer {
    var machine: ServerConnection
    let told: [String] = []

    init(settings: [String: Any]) {
        var server = ServerSettings()
        func set<Value>(_ name: String, _ apply: (Value) -> Void) {
            if let value = settings[name] as? Value { apply(value) }
        }
        set("max_concurrent_streams") { server.limits.maxConcurrentStreams = $0 }
        set("max_message_bytes") { server.limits.maxMessageBytes = $0 }
        set("max_frame_bytes") { server.limits.maxFrameBytes = $0 }
        set("max_in_flight_request_bytes") { server.maxInFlightRequestBytes = $0 }
        server.common.keepAliveInterval = nil
        set("keep_alive_interval_ms") { server.common.keepAliveInterval = .milliseconds($0) }
        set("keep_alive_timeout_ms") { server.common.keepAliveTimeout = .milliseconds($0) }
        set("idle_timeout_ms") { server.common.idleTimeout = .milliseconds($0) }
        machine = ServerConnection(settings: server, now: .start)
    }

    mutating func handle(_ event: ServerEvent) {
        switch event {
        case .helloReceived(let hello):
            if hello.credential == "wrong" {
                machine.reject(ErrorBody(code: .unauthenticated, message: "no such key"))
            } else {
                machine.accept(region: "eu", replicaID: "r1", serverVersion: "1.0")
            }
        case .requestReceived(let id, let request): answer(request, on: id)
        default: break
        }
    }

    private mutating func answer(_ request: Request, on id: StreamID) {
        if case .feedback = request.operation {
            return machine.sendError(ErrorBody(code: .invalidRequest, message: "must be the id of an answer"), on: id)
        }
        guard case .chat(let chat) = request.operation else {
            return machine.sendError(ErrorBody(code: .unsupported, message: "not offered"), on: id)
        }
        let model = chat.model.string
        if model == "fail" { return machine.sendError(ErrorBody(code: .modelNotFound, message: "no such model"), on: id) }
        machine.sendBegin(Begin(responseID: Text("resp-\(id)"), model: chat.model), on: id)
        switch model {
        case "hang": return
        case "whole":
            let item = Item(kind: .text, data: ByteBuffer(string: "Hello"))
            machine.sendResult(ResultBody(.chat(ChatResult(choices: [Choice(items: [item])]))), on: id)
        case let long where long.hasPrefix("long:"):
            let text = ByteBuffer(repeating: 0x78, count: Int(long.dropFirst(5)) ?? 0)
            machine.sendDelta(Delta(kind: .text, data: text), on: id)
        default:
            machine.sendDelta(Delta(kind: .text, data: ByteBuffer(string: "Hello")), on: id)
            machine.sendDelta(Delta(kind: .text, data: ByteBuffer(string: " world")), on: id)
        }
        let finish = Finish(reason: .stop)
        machine.sendEnd(End(finishes: [finish], usage: Usage(input: 9, output: 2), attempts: 1), on: id)
    }

    mutating func perform(_ action: String, _ details: [String: Any]) throws {
        guard action == "go_away", let reason = details["reason"] as? String, let within = details["within_ms"] as? Int64 else {
            throw VectorFiles.Malformed(entry: action)
        }
        machine.goAway(reason == "DRAIN" ? .drain : .reauthenticate, drainWithin: .milliseconds(within))
    }
}

struct VectorClient: VectorPeer {
    var machine: ClientConnection
    private(set) var told: [String] = []

    init(settings: [String: Any]) {
        var client = ClientSettings()
        client.common.keepAliveInterval = nil
        if let limit = settings["max_message_bytes"] as? UInt32 { client.limits.maxMessageBytes = limit }
        machine = ClientConnection(settings: client, credential: "key", agent: "vector/1", now: .start)
    }

    mutating func handle(_ event: ClientEvent) {
        switch event {
        case .endReceived(let id, _): told.append("ended \(id)")
        case .errorReceived(let id, let error): told.append("error \(id) \(error.code.rawValue)")
        case .streamFailed(let id, _): told.append("failed \(id)")
        case .streamRefused(let id): told.append("refused \(id)")
        default: break
        }
    }

    mutating func perform(_ action: String, _ details: [String: Any]) throws {
        let stream = StreamID(rawValue: details["stream"] as? UInt32 ?? 0)
        switch action {
        case "send":
            let text = (details["text_bytes"] as? Int).flatMap { Text(validating: ByteBuffer(repeating: 0x78, count: $0)) } ?? "Hi"
            let message = ChatMessage(role: .user, parts: [Part(.text(text))])
            let model = Text(details["model"] as? String ?? "")
            _ = try machine.send(Request(operation: .chat(ChatRequest(model: model, messages: [message], stream: true))))
        case "resume":
            let id = Text(details["response_id"] as? String ?? "")
            let resume = ResumeRequest(responseID: id, lastSequence: details["last_sequence"] as? UInt64 ?? 0)
            _ = try machine.send(Request(operation: .resume(resume)))
        case "cancel": machine.cancel(stream, reason: .caller)
        case "consume": machine.consumed(details["bytes"] as? Int ?? 0, on: stream)
        case "go_away": machine.goAway()
        default: throw VectorFiles.Malformed(entry: action)
        }
    }
}
