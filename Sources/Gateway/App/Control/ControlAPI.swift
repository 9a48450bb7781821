import EmbeddedStore
import Foundation
import GatewayCore
import GatewayCrypto
import GatewayPipeline

/// Tenants and keys over HTTP: the same as the commands. Reads requests and makes answers; sockets are ``ControlHandler``'s.
struct ControlAPI: Sendable {
    struct Request: Sendable {
        var method: String
        /// Segments of the path, without escapes.
        var path: [String]
        /// Where a listing goes on.
        var after: String
        var body: Data
    }

    struct Answer {
        var status: Int
        var body: JSONObject
    }

    let store: any ControlStore
    let pepper: Secret
    let pepperID: String
    /// `nil`: this process counts no budgets itself.
    let wallets: ProcessWallets?
    /// `nil`: answers are not kept in this process.
    let cache: EmbeddedResponseCache?

    /// - Throws: ``ControlRefusal`` or ``ControlError``.
    func answer(_ request: Request) async throws -> Answer {
        guard request.path.first == "v1" else { throw ControlRefusal.notFound }
        let path = Array(request.path.dropFirst())
        switch (path.first, path.count) {
        case ("panic", 1): return try await panic(request)
        case ("cache", 2) where path[1] == "purge": return try purge(request)
        case ("tenants", 1): return try await tenants(request)
        case ("tenants", 2): return try await tenant(path[1], request)
        case ("tenants", 3): return try await collection(path[2], of: path[1], request)
        case ("tenants", 4) where path[2] == "keys": return try await key(path[3], of: path[1], request)
        case ("tenants", 5) where path[2] == "keys": return try await act(path[4], on: path[3], of: path[1], request)
        default: throw ControlRefusal.notFound
        }
    }

    private func panic(_ request: Request) async throws -> Answer {
        switch request.method {
        case "GET": return Answer(status: 200, body: JSONObject(["stopped": try await store.changes(after: nil).isStopped]))
        case "PUT":
            var fields = try ControlFields(request.body)
            let isStopped = try fields.present(try fields.flag("stopped"), "stopped")
            try fields.end()
            try await store.setStopped(isStopped)
            return Answer(status: 200, body: JSONObject(["stopped": isStopped]))
        default: throw ControlRefusal.methodNotAllowed
        }
    }

    private func purge(_ request: Request) throws -> Answer {
        guard request.method == "POST" else { throw ControlRefusal.methodNotAllowed }
        guard let cache else { throw ControlRefusal.noCache }
        var fields = try ControlFields(request.body)
        let (tenant, model) = (try fields.text("tenant"), try fields.text("model"))
        try fields.end()
        return Answer(status: 200, body: JSONObject(["deleted": cache.purge(tenant: tenant, model: model)]))
    }

    // MARK: tenants

    private func tenants(_ request: Request) async throws -> Answer {
        switch request.method {
        case "GET": return Self.listing(try await store.tenants(after: request.after)) { JSONObject($0) }
        case "POST":
            var fields = try ControlFields(request.body)
            let id = try fields.present(try fields.text("id"), "id")
            let (name, region) = (try fields.text("name") ?? id, try fields.text("region"))
            try fields.end()
            return Answer(status: 201, body: JSONObject(try await store.createTenant(id, name: name, region: region)))
        default: throw ControlRefusal.methodNotAllowed
        }
    }

    private func tenant(_ id: String, _ request: Request) async throws -> Answer {
        switch request.method {
        case "GET": return try Self.found(try await store.tenant(id)) { JSONObject($0) }
        case "PATCH":
            var fields = try ControlFields(request.body)
            var change = TenantChange(isPaused: try fields.flag("paused"), isStopped: try fields.flag("stopped"))
            let region = try fields.text("region")
            if fields.has("region") { change.region = region.map { .only($0) } ?? .anywhere }
            try fields.end()
            let tenant = change == TenantChange() ? try await store.tenant(id) : try await store.changeTenant(id, change)
            return try Self.found(tenant) { JSONObject($0) }
        default: throw ControlRefusal.methodNotAllowed
        }
    }

    private func collection(_ name: String, of tenant: String, _ request: Request) async throws -> Answer {
        switch (name, request.method) {
        case ("departments", "GET"):
            return try await listing(try await store.departments(of: tenant, after: request.after), of: tenant) { JSONObject($0) }
        case ("users", "GET"):
            return try await listing(try await store.users(of: tenant, after: request.after), of: tenant) { JSONObject($0) }
        case ("keys", "GET"):
            return try await listing(try await store.keys(of: tenant, after: request.after), of: tenant) { JSONObject($0) }
        case ("departments", "POST"):
            var fields = try ControlFields(request.body)
            let id = try fields.present(try fields.text("id"), "id")
            let name = try fields.text("name") ?? id
            try fields.end()
            return Answer(status: 201, body: JSONObject(try await store.createDepartment(id, name: name, in: tenant)))
        case ("users", "POST"):
            var fields = try ControlFields(request.body)
            let id = try fields.present(try fields.text("id"), "id")
            let (name, department) = (try fields.text("name") ?? id, try fields.text("department"))
            try fields.end()
            return Answer(status: 201, body: JSONObject(try await store.createUser(id, name: name, department: department, in: tenant)))
        case ("keys", "POST"): return try await createKey(of: tenant, request)
        case ("wallets", "GET"):
            guard let wallets else { throw ControlRefusal.noWallets }
            let page = wallets.page(of: tenant, after: request.after, count: ControlLimits.maxPage)
            return Self.listing(page) { JSONObject(["name": $0.name, "fields": $0.fields]) }
        case ("departments", _), ("users", _), ("keys", _), ("wallets", _): throw ControlRefusal.methodNotAllowed
        default: throw ControlRefusal.notFound
        }
    }

    // MARK: keys

    private func createKey(of tenant: String, _ request: Request) async throws -> Answer {
        var fields = try ControlFields(request.body)
        let id = try fields.present(try fields.text("id"), "id")
        let (department, user) = (try fields.text("department"), try fields.text("user"))
        let permissions = KeyPermissions(
            allowedModels: try fields.texts("models"), requestsPerMinute: try fields.integer("requests_per_minute"),
            tokensPerMinute: try fields.integer("tokens_per_minute"), concurrentStreams: try fields.integer("concurrent_streams"),
            scrubPolicy: try fields.text("scrub"))
        let expiry = try fields.integer("expires_at")
        try fields.end()
        if let expiry, expiry <= Int64(Date().timeIntervalSince1970) {
            throw ControlRefusal(status: 422, code: "invalid_value", message: "`expires_at` is over: the key would never be good.")
        }
        let issued = try IssuedKey.make(pepper: pepper, pepperID: pepperID)
        let key = try await store.createKey(
            id, in: tenant, hash: issued.hash, department: department, user: user, permissions: permissions, expiresAtUnixSeconds: expiry)
        return Answer(status: 201, body: Self.shown(key, issued))
    }

    private func key(_ id: String, of tenant: String, _ request: Request) async throws -> Answer {
        guard request.method == "GET" else { throw ControlRefusal.methodNotAllowed }
        return try Self.found(try await store.key(id, in: tenant)) { JSONObject($0) }
    }

    private func act(_ action: String, on id: String, of tenant: String, _ request: Request) async throws -> Answer {
        guard ["revoke", "rotate"].contains(action) else { throw ControlRefusal.notFound }
        guard request.method == "POST" else { throw ControlRefusal.methodNotAllowed }
        var fields = try ControlFields(request.body)
        guard action == "rotate" else {
            try fields.end()
            return try Self.found(try await store.revokeKey(id, in: tenant)) { JSONObject($0) }
        }
        let overlap = try fields.present(try fields.integer("overlap_seconds"), "overlap_seconds")
        try fields.end()
        let issued = try IssuedKey.make(pepper: pepper, pepperID: pepperID)
        return try Self.found(try await store.rotateKey(id, in: tenant, hash: issued.hash, overlapSeconds: overlap)) {
            Self.shown($0, issued)
        }
    }

    /// The one answer that has the key itself.
    private static func shown(_ key: KeyRecord, _ issued: IssuedKey) -> JSONObject {
        var object = JSONObject(key)
        object.set("key", issued.text)
        return object
    }

    private static func found<Record>(_ record: Record?, _ write: (Record) -> JSONObject) throws -> Answer {
        guard let record else { throw ControlRefusal.notFound }
        return Answer(status: 200, body: write(record))
    }

    /// A tenant that is not there has no empty listing.
    private func listing<Record>(_ records: [Record], of tenant: String, _ write: (Record) -> JSONObject) async throws -> Answer {
        if records.isEmpty, try await store.tenant(tenant) == nil { throw ControlRefusal.notFound }
        return Self.listing(records, write)
    }

    private static func listing<Record>(_ records: [Record], _ write: (Record) -> JSONObject) -> Answer {
        Answer(status: 200, body: JSONObject(list: records.map(write), more: records.count == ControlLimits.maxPage))
    }
}

/// Why a request is refused. The code is stable; the message is for people.
struct ControlRefusal: Error {
    var status: Int
    var code: String
    var message: String

    static let notFound = ControlRefusal(status: 404, code: "not_found", message: "There is nothing here, or it is another tenant's.")
    static let noWallets = ControlRefusal(
        status: 404, code: "not_found",
        message: "This gateway counts no budgets itself: its wallets are in Redis, or it has no durable ledger.")
    static let noCache = ControlRefusal(
        status: 404, code: "not_found",
        message: "This gateway keeps its answers in Redis: `agentshield cache purge` with REDIS_URL deletes them there.")
    static let methodNotAllowed = ControlRefusal(status: 405, code: "method_not_allowed", message: "The path takes another method.")
    static let unauthenticated = ControlRefusal(
        status: 401, code: "unauthenticated", message: "The authorization header must carry this listener's credential as bearer token.")
    static let wrongHost = ControlRefusal(status: 421, code: "wrong_host", message: "This listener is not called by this name.")
    static let tooLarge = ControlRefusal(status: 413, code: "request_too_large", message: "The body is larger than 64 KiB.")

    static func malformed(_ message: String) -> ControlRefusal {
        ControlRefusal(status: 400, code: "malformed_body", message: message)
    }

    init(status: Int, code: String, message: String) {
        (self.status, self.code, self.message) = (status, code, message)
    }

    init(_ error: any Error) {
        switch error {
        case let refusal as ControlRefusal: self = refusal
        case let error as ControlError:
            let (status, code) =
                switch error {
                case .alreadyExists: (409, "already_exists")
                case .unknownReference: (422, "unknown_reference")
                case .invalid: (422, "invalid_value")
                case .unavailable: (503, "store_unavailable")
                case .broken: (500, "store_broken")
                }
            self.init(status: status, code: code, message: error.description)
        default: self.init(status: 500, code: "internal_error", message: "A fault of the gateway itself.")
        }
    }
}

/// The members of a request's body, each of which must be one that is asked for.
struct ControlFields {
    private let members: [String: Any]
    private var known: Set<String> = []

    init(_ body: Data) throws(ControlRefusal) {
        guard !body.isEmpty else {
            members = [:]
            return
        }
        guard let object = try? JSONSerialization.jsonObject(with: body) as? [String: Any] else {
            throw .malformed("The body is no JSON object.")
        }
        members = object
    }

    func has(_ name: String) -> Bool { members[name] != nil }

    mutating func text(_ name: String) throws(ControlRefusal) -> String? { try value(name, "a text") { $0 as? String } }

    mutating func texts(_ name: String) throws(ControlRefusal) -> [String]? { try value(name, "a list of texts") { $0 as? [String] } }

    mutating func flag(_ name: String) throws(ControlRefusal) -> Bool? {
        try value(name, "true or false") { ($0 as? NSNumber).flatMap { Self.isFlag($0) ? $0.boolValue : nil } }
    }

    mutating func integer(_ name: String) throws(ControlRefusal) -> Int64? {
        try value(name, "a whole number") { value in
            guard let number = value as? NSNumber, !Self.isFlag(number) else { return nil }
            return Int64(exactly: number.doubleValue).flatMap { abs($0) <= 1 << 53 ? number.int64Value : nil }
        }
    }

    private static func isFlag(_ number: NSNumber) -> Bool {
        String(cString: number.objCType) == "c" || String(cString: number.objCType) == "B"
    }

    private mutating func value<Value>(_ name: String, _ kind: String, _ read: (Any) -> Value?) throws(ControlRefusal) -> Value? {
        known.insert(name)
        guard let value = members[name], !(value is NSNull) else { return nil }
        guard let read = read(value) else { throw .malformed("`\(name)` is not \(kind).") }
        return read
    }

    /// What is asked for and not there is a fault.
    func present<Value>(_ value: Value?, _ name: String) throws(ControlRefusal) -> Value {
        guard let value else { throw .malformed("`\(name)` is missing.") }
        return value
    }

    /// Nothing else may stand there: a misspelt right would be a right that is not given.
    func end() throws(ControlRefusal) {
        let unknown = Set(members.keys).subtracting(known)
        if !unknown.isEmpty { throw .malformed("The body has members that mean nothing here.") }
    }
}
