import GatewayCore
import NIOHTTP1

/// What a request asks of the door.
enum Operation: Equatable {
    case chatCompletion
    /// OpenAI's older completions.
    case completion
    case response
    /// Anthropic's.
    case messages
    case countTokens
    case embeddings
    /// - Parameter query: which of them; as it stands in the target.
    case listModels(query: String)
    case showModel(String)
    case showReceipt(String)
    /// A caller's word for what an answer was worth.
    case feedback
    case health
    /// The wire protocol in a WebSocket.
    case webSocket
    /// Which methods a path takes.
    case options(allow: String)
    /// Responses in a WebSocket.
    case responseSocket

    /// Whether it asks for another protocol on its connection.
    var isUpgrade: Bool { self == .webSocket || self == .responseSocket }

    /// Whether the request's body is read; another operation's body is dropped.
    var takesBody: Bool { request != nil || self == .feedback }
    /// What it asks the pipeline for; `nil`: nothing.
    var request: RequestOperation? {
        switch self {
        case .chatCompletion, .completion, .response, .messages: .answer
        case .countTokens: .countTokens
        case .embeddings: .embeddings
        case .listModels, .showModel, .showReceipt, .feedback, .health, .webSocket, .responseSocket, .options: nil
        }
    }
    /// Whether the operation begins with the request's end, not with its head.
    var waitsForEnd: Bool { takesBody || isUpgrade }
    /// Whether the request itself presents one; in a WebSocket HELLO does.
    var needsCredential: Bool {
        switch self {
        case .health, .webSocket, .options: false
        case .chatCompletion, .completion, .response, .responseSocket, .messages, .countTokens, .embeddings, .listModels, .showModel,
            .showReceipt, .feedback:
            true
        }
    }
    /// Whose dialect it is; `nil`: one that both have.
    var surface: Dialect? {
        switch self {
        case .chatCompletion, .embeddings: .openAI
        case .completion: .completions
        case .response, .responseSocket: .responses
        case .messages, .countTokens: .anthropic
        case .listModels, .showModel, .showReceipt, .feedback, .health, .webSocket, .options: nil
        }
    }
}

/// Which paths the door serves. A new surface is a new row.
struct RouteTable {
    struct Route {
        var method: HTTPMethod
        /// Without the `/v1` that may stand in front, if ``isVersioned``.
        var path: String
        /// Whether the path is also served with `/v1` in front; `false`: only bare.
        var isVersioned = true
        /// Whether more path follows, which the operation is made from, percent-decoded.
        var takesRest = false
        var operation: (_ rest: String, _ query: Substring) -> Operation
    }

    let routes: [Route]

    init() {
        routes = [
            Route(method: .POST, path: "/chat/completions") { _, _ in .chatCompletion },
            Route(method: .POST, path: "/responses") { _, _ in .response },
            Route(method: .GET, path: "/responses") { _, _ in .responseSocket },
            Route(method: .POST, path: "/completions") { _, _ in .completion },
            Route(method: .POST, path: "/messages") { _, _ in .messages },
            Route(method: .POST, path: "/messages/count_tokens") { _, _ in .countTokens },
            Route(method: .POST, path: "/embeddings") { _, _ in .embeddings },
            Route(method: .GET, path: "/models") { _, query in .listModels(query: String(query)) },
            Route(method: .GET, path: "/models/", takesRest: true) { rest, _ in .showModel(rest) },
            Route(method: .GET, path: "/receipts/", takesRest: true) { rest, _ in .showReceipt(rest) },
            Route(method: .POST, path: "/feedback") { _, _ in .feedback },
            Route(method: .GET, path: "/healthz", isVersioned: false) { _, _ in .health },
            Route(method: .GET, path: WebSocketUpgrade.path, isVersioned: false) { _, _ in .webSocket },
        ]
    }

    /// What a request's target leads to. HEAD goes where GET goes.
    func resolve(_ method: HTTPMethod, uri: String) -> Result<Operation, RouteRefusal> {
        if method == .OPTIONS, uri == "*" { return .success(.options(allow: "GET, HEAD, OPTIONS, POST")) }
        let path = Self.path(of: uri)
        let isVersioned = path.hasPrefix("/v1/")
        let unversioned = isVersioned ? path.dropFirst(3) : path
        var allowed: [String] = []
        for route in routes {
            guard let rest = route.match(unversioned, isVersioned: isVersioned) else { continue }
            if route.method == method || (route.method == .GET && method == .HEAD) {
                guard let rest = Self.percentDecoded(rest) else { return .failure(.badEncoding) }
                return .success(route.operation(rest, Self.query(of: uri)))
            }
            allowed.append(route.method.rawValue)
            if route.method == .GET { allowed.append("HEAD") }
        }
        if !allowed.isEmpty, method == .OPTIONS { return .success(.options(allow: (allowed + ["OPTIONS"]).joined(separator: ", "))) }
        if !allowed.isEmpty { return .failure(.methodNotAllowed(allow: allowed.joined(separator: ", "))) }
        if Self.isStored(unversioned) { return .failure(.notStored) }
        return .failure(isVersioned || path == "/v1" ? .unsupported(served: served) : .notFound)
    }

    /// Whether it is the path of an answer that OpenAI's API would have stored.
    private static func isStored(_ path: Substring) -> Bool {
        guard let collection = ["/responses/", "/chat/completions/"].first(where: { path.hasPrefix($0) }) else { return false }
        let rest = path.dropFirst(collection.count)
        // Operations of their own, which this gateway does not have.
        return !rest.isEmpty && !(collection == "/responses/" && ["input_tokens", "compact"].contains(rest))
    }

    /// Whose dialect a path belongs to, whatever the method; `nil`: one that both have.
    static func surface(of uri: String) -> Dialect? {
        let path = path(of: uri)
        return ["/messages", "/v1/messages"].contains { path == $0 || path.hasPrefix("\($0)/") } ? .anthropic : nil
    }

    /// Every route in a form for people: `POST /v1/chat/completions`.
    var served: [String] {
        routes.map { "\($0.method.rawValue) \($0.isVersioned ? "/v1" : "")\($0.path)\($0.takesRest ? "{id}" : "")" }
    }

    /// The path of an origin-form or absolute-form target, without its query. Slashes that a base URL brings along, at the front or at the end, are
    /// one or none.
    static func path(of uri: String) -> Substring {
        var path = uri[...]
        for scheme in ["http://", "https://"] where path.hasPrefix(scheme) {
            let afterScheme = path.dropFirst(scheme.count)
            path = afterScheme.firstIndex(of: "/").map { afterScheme[$0...] } ?? "/"
        }
        if let end = path.firstIndex(where: { $0 == "?" || $0 == "#" }) { path = path[..<end] }
        while path.hasPrefix("//") { path = path.dropFirst() }
        return path.utf8.count > 1 && path.hasSuffix("/") ? path.dropLast() : path
    }

    /// What stands behind a target's question mark.
    private static func query(of uri: String) -> Substring {
        let target = uri.prefix { $0 != "#" }
        return target.firstIndex(of: "?").map { target[$0...].dropFirst() } ?? ""
    }

    /// `nil`: a percent sign without two hexadecimal digits, or bytes that are not UTF-8.
    static func percentDecoded(_ text: Substring) -> String? {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return String(text) }
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(Self.hexadecimalDigit), let low = rest.popFirst().flatMap(Self.hexadecimalDigit) else {
                return nil
            }
            bytes.append(high << 4 | low)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func hexadecimalDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

extension RouteTable.Route {
    /// What follows the route's path in `path`; `nil`: another path.
    fileprivate func match(_ path: Substring, isVersioned: Bool) -> Substring? {
        guard self.isVersioned || !isVersioned else { return nil }
        guard takesRest else { return path == self.path ? "" : nil }
        guard path.hasPrefix(self.path), path.utf8.count > self.path.utf8.count else { return nil }
        return path.dropFirst(self.path.count)
    }
}

extension Result<Operation, RouteRefusal> {
    var surface: Dialect? {
        if case .success(let operation) = self { operation.surface } else { nil }
    }
}

/// Why a target leads nowhere.
enum RouteRefusal: Error, Equatable {
    case methodNotAllowed(allow: String)
    case unsupported(served: [String])
    case notFound
    case notStored
    case badEncoding

    var fault: Fault {
        switch self {
        case .methodNotAllowed(let allow):
            Fault(.methodNotAllowed, origin: .downstream, message: "This path takes \(allow) only.")
        case .unsupported(let served):
            Fault(
                .unsupported, origin: .downstream,
                message: "This gateway does not serve this path. It serves \(served.joined(separator: ", ")).")
        case .notFound:
            Fault(.notFound, origin: .downstream, message: "There is nothing at this path. The API is under /v1.")
        case .notStored:
            Fault(
                .notFound, origin: .downstream,
                message:
                    "There is nothing of this id: answers are not stored here, so that none can be fetched, changed, cancelled or deleted. Keep what was answered; `store` changes nothing."
            )
        case .badEncoding:
            Fault(.invalidRequest, origin: .downstream, message: "The path is not percent-encoded UTF-8.")
        }
    }
}
