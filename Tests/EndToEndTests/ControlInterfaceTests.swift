import Foundation
import NIOCore
import NIOHTTP1
import ProcessSupport
import Testing

extension EndToEndTests {
    @Suite("administration over HTTP", .timeLimit(.minutes(5)))
    struct ControlInterfaceTests {
        private static let credential = "a-credential-for-tests-thirty-two-bytes"

        /// One gateway with a SQLite file and the listener for administration.
        private static func run(_ body: (Stack, Administrator) async throws -> Void) async throws {
            try await withTemporaryDirectory { directory in
                let file = directory.appendingPathComponent("control.sqlite").path
                let environment = Keys.environment.merging(["CONTROL_CREDENTIAL": credential]) { $1 }
                try await Stack.run(
                    environment: environment, listen: "  control: {address: \"127.0.0.1:0\", credential_env: CONTROL_CREDENTIAL}\n",
                    extra: "control: {file: \"\(file)\"}\n"
                ) { stack in
                    try await body(stack, Administrator(port: try #require(stack.controlPort)))
                }
            }
        }

        private struct Administrator {
            var port: Int

            func send(
                _ method: String, _ path: String, _ body: String? = nil, host: String? = nil, credential: String? = credential
            ) async throws -> (status: Int, json: JSON, requestID: String?) {
                let caller = try await HTTPCaller.connect(port: port, tls: nil, key: nil)
                defer { caller.close() }
                var headers: [(String, String)] = credential.map { [("authorization", "Bearer \($0)")] } ?? []
                headers.append(("host", host ?? "localhost:\(port)"))
                let response = try await caller.send(method, path, headers: headers, body: body.map { Data($0.utf8) })
                return (response.status, try JSON(response.body), response.headers.first(name: "x-request-id"))
            }

            func code(
                _ method: String, _ path: String, _ body: String? = nil, host: String? = nil, credential: String? = credential
            ) async throws -> String {
                let answer = try await send(method, path, body, host: host, credential: credential)
                let isWhole = answer.requestID != nil && answer.json.string("error.request_id") == answer.requestID
                return "\(answer.status) \(answer.json.string("error.code") ?? "-")\(isWhole ? "" : " without its request id")"
            }
        }

        @Test("answers in a gateway's memory are purged by tenant and model")
        func purge() async throws {
            try await Self.run { stack, admin in
                func cache(_ text: String) async throws -> String? {
                    try await Door.http.withCaller(stack) { try await $0.chat(Chat("memo", text)).cache }
                }
                for text in ["one", "two"] { #expect(try await cache(text) == "miss") }
                let purges = [(#"{"tenant": "umbrella"}"#, 0), (#"{"tenant": "acme", "model": "other"}"#, 0), (#"{"model": "memo"}"#, 2)]
                for (body, deleted) in purges {
                    let answer = try await admin.send("POST", "/v1/cache/purge", body)
                    #expect(answer.status == 200 && answer.json.int("deleted") == deleted)
                }
                #expect(try await cache("one") == "miss")
                #expect(try await cache("one") == "hit")
                let run = try await ProductProcess.runToEnd(
                    "agentshield", arguments: ["cache", "purge", "--yes", "--control", "http://localhost:\(admin.port)"],
                    environment: ["AGENTSHIELD_CONTROL_CREDENTIAL": Self.credential])
                #expect(run.status == .exited(0) && run.output == "1 answer deleted\n")
                #expect(try await cache("one") == "miss")
                #expect(try await admin.code("GET", "/v1/cache/purge") == "405 method_not_allowed")
                let stranger = try await admin.code("POST", "/v1/cache/purge", "{}", credential: "another-credential-of-thirty-two-bytes")
                #expect(stranger == "401 unauthenticated")
            }
        }

        @Test("a tenant's keys are made, shown once, rotated and revoked, and the gateway goes by it")
        func life() async throws {
            try await Self.run { stack, admin in
                func answer(_ key: String, _ expected: Documented?) async throws {
                    let caller = try await Door.http.connect(stack, key: key)
                    defer { caller.close() }
                    try await until("\(String(describing: expected))") {
                        try await caller.chat(Chat("echo")).fault?.told == expected?.told(by: .http)
                    }
                }
                let tenant = try await admin.send("POST", "/v1/tenants", #"{"id": "initech", "name": "Initech"}"#)
                #expect(tenant.status == 201 && tenant.json.string("name") == "Initech")
                #expect(try await admin.send("POST", "/v1/tenants/initech/departments", #"{"id": "sales"}"#).status == 201)
                let user = try await admin.send("POST", "/v1/tenants/initech/users", #"{"id": "ann@initech", "department": "sales"}"#)
                #expect(user.json.string("department") == "sales")
                let made = try await admin.send(
                    "POST", "/v1/tenants/initech/keys",
                    #"{"id": "k", "user": "ann@initech", "models": ["echo*"], "requests_per_minute": 500, "expires_at": 4000000000}"#)
                #expect(made.status == 201 && made.json.int("requests_per_minute") == 500)
                let first = try #require(made.json.string("key"))
                try await answer(first, nil)
                let shown = try await admin.send("GET", "/v1/tenants/initech/keys/k")
                #expect(shown.status == 200 && !shown.json.has("key") && shown.json.string("user") == "ann@initech")
                let rotated = try await admin.send("POST", "/v1/tenants/initech/keys/k/rotate", #"{"overlap_seconds": 3600}"#)
                let second = try #require(rotated.json.string("key"))
                try await answer(second, nil)
                try await answer(first, nil)
                _ = try await admin.send("PATCH", "/v1/tenants/initech", #"{"paused": true}"#)
                try await answer(second, .tenantPaused)
                _ = try await admin.send("PATCH", "/v1/tenants/initech", #"{"paused": false, "region": "moon"}"#)
                try await answer(second, .wrongRegion)
                let bound = try await admin.send("PATCH", "/v1/tenants/initech", #"{"region": null}"#)
                #expect(bound.status == 200 && !bound.json.has("region"))
                try await answer(second, nil)
                #expect(try await admin.send("PUT", "/v1/panic", #"{"stopped": true}"#).status == 200)
                try await answer(stack.keys.main, .trafficStopped)
                #expect(try await admin.send("GET", "/v1/panic").json.has("stopped"))
                #expect(try await admin.send("PUT", "/v1/panic", #"{"stopped": false}"#).status == 200)
                try await answer(stack.keys.main, nil)
                #expect(try await admin.send("POST", "/v1/tenants/initech/keys/k/revoke").json.has("revoked_at"))
                try await answer(second, .unauthenticated)
                try await answer(first, .unauthenticated)
                #expect(try await admin.send("GET", "/v1/tenants/initech/keys").json.list("data").count == 1)
                for secret in [first, second, Self.credential] { #expect(!stack.gateway.errorOutput.contains(secret)) }
            }
        }

        @Test("who has no credential, comes by another name or asks for what is not there is told a stable code")
        func refusals() async throws {
            try await Self.run { stack, admin async throws in
                #expect(try await admin.code("GET", "/v1/tenants", credential: nil) == "401 unauthenticated")
                #expect(try await admin.code("GET", "/v1/tenants", credential: Self.credential + "x") == "401 unauthenticated")
                #expect(try await admin.code("GET", "/v1/tenants", credential: stack.keys.main) == "401 unauthenticated")
                #expect(try await admin.code("GET", "/v1/tenants", host: "evil.example") == "421 wrong_host")
                #expect(try await admin.code("GET", "/v1/tenants", host: "evil.example", credential: nil) == "421 wrong_host")
                #expect(try await admin.code("GET", "/v2/tenants") == "404 not_found")
                #expect(try await admin.code("GET", "/") == "404 not_found")
                #expect(try await admin.code("DELETE", "/v1/tenants") == "405 method_not_allowed")
                #expect(try await admin.code("POST", "/v1/tenants", "[]") == "400 malformed_body")
                #expect(try await admin.code("POST", "/v1/tenants", "{") == "400 malformed_body")
                #expect(try await admin.code("POST", "/v1/tenants", "{}") == "400 malformed_body")
                #expect(try await admin.code("POST", "/v1/tenants", #"{"id": 1}"#) == "400 malformed_body")
                #expect(try await admin.code("POST", "/v1/tenants", #"{"id": "a", "colour": "red"}"#) == "400 malformed_body")
                #expect(try await admin.code("POST", "/v1/tenants", #"{"id": "no spaces"}"#) == "422 invalid_value")
                let large = #"{"id": ""# + String(repeating: "a", count: 70_000) + #""}"#
                #expect(try await admin.code("POST", "/v1/tenants", large) == "413 request_too_large")
                for tenant in ["initech", "hooli"] {
                    #expect(try await admin.send("POST", "/v1/tenants", #"{"id": "\#(tenant)"}"#).status == 201)
                }
                #expect(try await admin.code("POST", "/v1/tenants", #"{"id": "hooli"}"#) == "409 already_exists")
                #expect(try await admin.send("POST", "/v1/tenants/initech/keys", #"{"id": "k"}"#).status == 201)
                // Another tenant's ids are nobody's.
                #expect(try await admin.code("GET", "/v1/tenants/hooli/keys/k") == "404 not_found")
                #expect(try await admin.code("POST", "/v1/tenants/hooli/keys/k/revoke") == "404 not_found")
                #expect(try await admin.code("POST", "/v1/tenants/hooli/keys/k/rotate", #"{"overlap_seconds": 0}"#) == "404 not_found")
                #expect(try await admin.code("POST", "/v1/tenants/nobody/keys", #"{"id": "k"}"#) == "422 unknown_reference")
                #expect(try await admin.code("PATCH", "/v1/tenants/nobody", #"{"paused": true}"#) == "404 not_found")
                #expect(
                    try await admin.code("POST", "/v1/tenants/hooli/keys", #"{"id": "x", "requests_per_minute": true}"#)
                        == "400 malformed_body")
                #expect(
                    try await admin.code("POST", "/v1/tenants/hooli/keys", #"{"id": "x", "requests_per_minute": 0}"#) == "422 invalid_value"
                )
                #expect(try await admin.code("POST", "/v1/tenants/hooli/keys", #"{"id": "x", "expires_at": 1000}"#) == "422 invalid_value")
                #expect(try await admin.code("GET", "/v1/tenants/nobody/keys") == "404 not_found")
                #expect(try await admin.send("GET", "/v1/tenants/hooli/keys").json.list("data").isEmpty)
                #expect(try await admin.send("GET", "/v1/tenants?after=hooli").json.list("data").map { $0.string("id") } == ["initech"])
            }
        }

        @Test("without the credential's variable nothing starts, and without its section nothing listens")
        func closed() async throws {
            try await Stack.run { stack in
                #expect(stack.controlPort == nil)
                try await withTemporaryDirectory { folder in
                    let listener = "listen:\n  control: {address: \"127.0.0.1:0\", credential_env: CONTROL_CREDENTIAL}\n"
                    let store = "control: {file: control.sqlite}\n"
                    let file = folder.appendingPathComponent("gateway.yaml")
                    try Data((stack.configuration.replacing("listen:\n", with: listener, maxReplacements: 1) + store).utf8).write(to: file)
                    func start(_ credential: String?) async throws -> (status: ProductProcess.ExitStatus, errorOutput: String) {
                        var environment = Keys.environment
                        environment["CONTROL_CREDENTIAL"] = credential
                        let end = try await ProductProcess.runToEnd(
                            "agentshield", arguments: ["serve", "--config", file.path], environment: environment)
                        return (end.status, end.errorOutput)
                    }
                    for credential in [nil, "", "too-short-by-far"] {
                        let refused = try await start(credential)
                        #expect(refused.status == .exited(78), "\(refused)")
                        #expect(refused.errorOutput.contains("listen.control.credential_env"), "\(refused)")
                        #expect(credential != "too-short-by-far" || !refused.errorOutput.contains("too-short-by-far"))
                    }
                    // The rest of the file is good.
                    let checked = try await ProductProcess.runToEnd(
                        "agentshield", arguments: ["check", "--config", file.path],
                        environment: Keys.environment.merging(["CONTROL_CREDENTIAL": Self.credential]) { $1 })
                    #expect(checked.status == .exited(0), "\(checked.errorOutput)")
                }
            }
        }
    }
}
