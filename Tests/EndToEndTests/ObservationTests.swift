import AgentShield
import Foundation
import NIOHTTP1
import ProcessSupport
import Testing
import Tracing
import Wire

extension EndToEndTests {
    @Suite("metrics, traces and top", .timeLimit(.minutes(5)))
    struct ObservationTests {
        private static let trace = "0af7651916cd43dd8448eb211c80319c"
        private static let parent = "b7ad6b7169203331"
        private static var traceparent: String { "00-\(trace)-\(parent)-01" }

        private static func telemetry(_ collector: Collector, ratio: String = "1", timeout: String = "2s") -> String {
            "\ntelemetry: {otlp: {endpoint: \"http://127.0.0.1:\(collector.port)\", ratio: \(ratio), timeout: \(timeout), headers_env: COLLECTOR}}\n"
        }

        private static let environment = ["COLLECTOR": "x-token=s%2Cecret"]

        private static func post(_ stack: Stack, _ chat: Chat, _ headers: [(String, String)] = []) async throws -> HTTPCaller.Response {
            let caller = try await HTTPCaller.connect(stack, key: nil)
            defer { caller.close() }
            let fields = [("content-type", "application/json"), ("authorization", "Bearer \(chat.key ?? stack.keys.main)")] + headers
            return try await caller.send("POST", "/v1/chat/completions", headers: fields, body: try chat.json())
        }

        // MARK: metrics

        @Test("what both doors answered and refused is told in a form that a strict reader takes, without a word of callers'")
        func metrics() async throws {
            try await Stack.run { stack in
                for door in Door.allCases {
                    try await door.withCaller(stack) { caller in
                        let replies = [
                            try await caller.chat(Chat("memo", "I am ana@example.com")),
                            try await caller.chat(Chat("memo", "I am ana@example.com")),
                            try await caller.chat(Chat("say:3", "Hello", streamed: true)),
                            try await caller.chat(Chat("no-such-model-of-mine")),
                        ]
                        #expect(replies.map(\.isWhole) == [true, true, true, false] && replies[1].cache == "hit")
                    }
                }
                #expect(try await Self.post(stack, Chat("echo", key: "ask_wrong")).status == 401)
                // A request's end is counted before the caller hears of it.
                let metrics = try await Metrics.of(stack)
                for door in Door.allCases {
                    let labels = ["door": door.rawValue]
                    #expect(metrics.sum("agentshield_requests_total", labels.merging(["outcome": "answered"]) { $1 }) == 3)
                    #expect(metrics.sum("agentshield_requests_total", labels.merging(["code": "model_not_found"]) { $1 }) == 1)
                    #expect(metrics.sum("agentshield_overhead_duration_seconds_count", labels) == 4)
                }
                #expect(metrics.sum("agentshield_requests_refused_total", ["door": "http", "code": "unauthenticated"]) == 1)
                #expect(metrics.sum("agentshield_scrub_findings_total", ["kind": "EMAIL"]) == 4)
                // The wire's canonical form is another surface's, or the same: two or three of four are hits.
                #expect(metrics.sum("agentshield_cache_requests_total", ["status": "hit"]) >= 2)
                let model = ["gen_ai_provider_name": "scripted", "gen_ai_request_model": "memo", "gen_ai_operation_name": "chat"]
                #expect(metrics.sum("gen_ai_client_operation_duration_seconds_count", model) >= 1)
                #expect(metrics.sum("gen_ai_server_request_duration_seconds_count", model) == 4)
                #expect(metrics.sum("gen_ai_server_time_to_first_token_seconds_count") == 2)
                #expect(metrics.sum("gen_ai_client_token_usage_count", ["gen_ai_token_type": "input"]) >= 3)
                #expect(metrics.sum("agentshield_cost_usd_total") > 0 && metrics.sum("agentshield_build_info") == 1)
                #expect(metrics.sum("agentshield_in_flight_requests") == 0 && metrics.sum("agentshield_in_flight_requests_max") > 0)
                #expect(metrics.sum("process_resident_memory_bytes") > 1_048_576 && metrics.sum("process_cpu_seconds_total") > 0)
                #expect(metrics.sum("agentshield_event_loops") > 0)
                // `say:3` is a caller's word, which a family of the configuration has taken.
                let values = Set(metrics.values.keys.flatMap(\.labels.values))
                #expect(values.isDisjoint(with: ["no-such-model-of-mine", "say:3", "ana@example.com", "acme"]))
                #expect(values.contains("say:*"))
            }
        }

        @Test("the admin listener says what it has, and answers no other method")
        func paths() async throws {
            try await Stack.run { stack in
                let caller = try await HTTPCaller.connect(port: stack.adminPort, tls: nil, key: nil)
                defer { caller.close() }
                #expect(try await caller.send("GET", "/metrics?x=1").status == 200)
                #expect(try await caller.send("GET", "/readyz").body == "ready\n")
                #expect(try await caller.send("POST", "/metrics", body: Data()).status == 405)
                let unknown = try await caller.send("GET", "/metric")
                #expect(unknown.status == 404 && unknown.body.contains("/metrics"))
            }
        }

        @Test("what the gateway added is told with whole answers, cached ones and refusals, and does not have the provider's time in it")
        func overhead() async throws {
            try await Stack.run { stack in
                func added(_ response: HTTPCaller.Response) throws -> Int {
                    try #require(response.headers.first(name: "x-agentshield-overhead-us").flatMap { Int($0) })
                }
                // A provider's 300 ms are in what the caller waits and not in what the gateway adds.
                func isApart(_ chat: Chat, status: Int) async throws -> Bool {
                    let began = ContinuousClock.now
                    let response = try await Self.post(stack, chat)
                    let waited = ContinuousClock.now - began
                    let added = try added(response)
                    return response.status == status && added > 0 && .microseconds(added) + .milliseconds(300) <= waited
                }
                let slow = Chat("slow-memo")
                #expect(try await isApart(slow, status: 200))
                let again = try await Self.post(stack, slow)
                #expect(again.headers.first(name: "x-agentshield-cache") == "hit")
                #expect(try added(again) > 0)
                #expect(try await isApart(Chat("fail-400+delay-300ms"), status: 400))
                var refusals: [HTTPCaller.Response] = []
                for _ in 0..<3 { refusals.append(try await Self.post(stack, Chat("memo", key: stack.keys.limited))) }
                #expect(refusals[2].status == 429)
                #expect(try added(refusals[2]) > 0)
                // Nobody is known, and nothing was done.
                let unknown = try await Self.post(stack, Chat("echo", key: "ask_wrong"))
                #expect(unknown.headers.first(name: "x-agentshield-overhead-us") == nil)
                let metrics = try await Metrics.of(stack)
                let (call, overhead) = (
                    metrics.sum("agentshield_phase_duration_seconds_sum", ["phase": "call"]),
                    metrics.sum("agentshield_overhead_duration_seconds_sum")
                )
                let whole = metrics.sum("agentshield_request_duration_seconds_sum")
                #expect(call >= 0.6 && overhead + call <= whole + 0.1, "\(call) \(overhead) \(whole)")
            }
        }

        // MARK: traces

        @Test(
            "a request's spans stand under its caller's, and the provider's under the call's, without a word of its text",
            arguments: Door.allCases)
        func traces(door: Door) async throws {
            try await Collector.run { collector in
                try await Stack.run(environment: Self.environment, extra: Self.telemetry(collector, ratio: "0")) { stack in
                    try await stack.provider.forget()
                    let chat = Chat("memo", "A word of mine, and ana@example.com")
                    switch door {
                    case .http:
                        let response = try await Self.post(stack, chat, [("traceparent", Self.traceparent), ("tracestate", "vendor=1")])
                        #expect(response.status == 200)
                    case .wire:
                        let caller = try await WireCaller.connect(stack, key: stack.keys.main)
                        defer { caller.close() }
                        var request = Request(chat)
                        request.traceparent = Text(Self.traceparent)
                        request.tracestate = Text("vendor=1")
                        #expect(try await caller.send(request).isWhole)
                    }
                    try await until("two spans have come") { try collector.spans.count >= 2 }
                    let spans = try collector.spans
                    let server = try #require(spans.first { $0.kind == 2 })
                    let client = try #require(spans.first { $0.kind == 3 })
                    #expect(spans.count == 2 && spans.allSatisfy { $0.trace == Self.trace && !$0.isError && $0.start <= $0.end })
                    #expect(server.parent == Self.parent && client.parent == server.id && server.name == "chat memo")
                    #expect(server.start <= client.start && client.end <= server.end)
                    #expect(server.attributes["agentshield.door"] == door.rawValue && server.attributes["agentshield.tenant"] == "acme")
                    #expect(server.attributes["agentshield.scrubbed.EMAIL"] == "1")
                    #expect(client.attributes["gen_ai.provider.name"] == "scripted" && client.attributes["server.address"] == "127.0.0.1")
                    #expect(client.attributes["gen_ai.usage.input_tokens"] != nil)
                    #expect(try await stack.provider.values(of: "traceparent") == ["00-\(Self.trace)-\(client.id)-01"])
                    #expect(try await stack.provider.values(of: "tracestate") == ["vendor=1"])
                    let told = collector.received.joined()
                    #expect(!told.contains("word of mine") && !told.contains("ana@example.com"))
                    let head = try #require(collector.requests.first)
                    #expect(head.uri == "/v1/traces" && head.headers.first(name: "content-type") == "application/json")
                    #expect(head.headers.first(name: "x-token") == "s,ecret")
                }
            }
        }

        @Test("the task's context goes with the SDK's calls, through the gateway, to the provider")
        func contextOfTheSDK() async throws {
            #expect(TraceInstrument.isThere)
            try await Stack.run { stack in
                try await stack.provider.forget()
                var configuration = AgentShieldClient.Configuration(
                    addresses: [Address(host: "localhost", port: stack.tlsPort)], credential: .apiKey(stack.keys.main))
                configuration.trust = .pem(Array(try Data(contentsOf: URL(fileURLWithPath: stack.authority))))
                let client = try AgentShieldClient(configuration: configuration)
                var context = InstrumentationContext.topLevel
                context.testTraceparent = Self.traceparent
                try await InstrumentationContext.withValue(context) {
                    let answer = try await client.chat(ChatRequest(model: "echo", prompt: "Hello"))
                    #expect(answer.text == "Hello")
                }
                // Nothing is recorded, so it comes as it was.
                #expect(try await stack.provider.values(of: "traceparent") == [Self.traceparent])
                await client.shutdown()
            }
        }

        @Test("each attempt has its span, with what was wrong with it; a caller that does not want to be recorded is not")
        func attempts() async throws {
            try await Collector.run { collector in
                try await Stack.run(environment: Self.environment, extra: Self.telemetry(collector)) { stack in
                    try await stack.provider.forget()
                    let unsampled = String(Self.traceparent.dropLast()) + "0"
                    #expect(try await Self.post(stack, Chat("echo"), [("traceparent", unsampled)]).status == 200)
                    #expect(try await stack.provider.values(of: "traceparent") == [unsampled])
                    #expect(try await Self.post(stack, Chat("rescued-fail-500")).status == 200)
                    try await until("the spans have come") { try collector.spans.contains { $0.kind == 2 } }
                    let spans = try collector.spans
                    let server = try #require(spans.first { $0.kind == 2 })
                    #expect(spans.filter { $0.kind == 2 }.count == 1 && server.parent == nil && server.trace != Self.trace)
                    let calls = spans.filter { $0.kind == 3 }
                    #expect(calls.count >= 2 && calls.allSatisfy { $0.parent == server.id && $0.trace == server.trace })
                    #expect(calls.first?.isError == true && calls.first?.attributes["error.type"] == "upstream_error")
                    #expect(calls.last?.isError == false && server.isError == false)
                }
            }
        }

        @Test("a collector that is silent or refuses holds nobody up, and what it does not take is counted")
        func badCollector() async throws {
            try await Collector.run(.silence) { collector in
                try await Stack.run(environment: Self.environment, extra: Self.telemetry(collector, timeout: "200ms")) { stack in
                    try await Door.wire.withCaller(stack) { caller in
                        for _ in 0..<20 {
                            let reply = try await caller.chat(Chat("memo"))
                            #expect(reply.isWhole)
                        }
                    }
                    try await until("spans are given up") { try await Metrics.of(stack).sum("agentshield_traces_failed_total") > 0 }
                    collector.say(.status(.badRequest))
                    #expect(try await Self.post(stack, Chat("echo")).status == 200)
                    collector.say(.status(.ok))
                    #expect(try await Self.post(stack, Chat("echo")).status == 200)
                    try await until("spans are taken again") { try await Metrics.of(stack).sum("agentshield_traces_exported_total") > 0 }
                }
            }
        }

        // MARK: top

        @Test("top prints one frame of what happened meanwhile")
        func top() async throws {
            try await Stack.run { stack in
                for _ in 0..<3 { #expect(try await Self.post(stack, Chat("memo", "I am ana@example.com")).status == 200) }
                async let frame = ProductProcess.runToEnd(
                    "agentshield", arguments: ["top", "--address", "127.0.0.1:\(stack.adminPort)", "--once", "--interval", "3"])
                // Somebody asks all the time: when the program begins to look is its own affair.
                let asking = Task {
                    try await Door.wire.withCaller(stack) { caller in
                        while !Task.isCancelled { _ = try await caller.chat(Chat("say:2")) }
                    }
                }
                defer { asking.cancel() }
                let (status, output, errors) = try await frame
                asking.cancel()
                try await asking.value
                #expect(status == .exited(0) && errors.isEmpty, "\(errors)")
                #expect(!output.contains("\u{1B}"))
                for part in ["requests/s", "DOOR", "PHASE", "scrub", "say:*", "EMAIL 3", "breakers  all closed", "USD/h"] {
                    #expect(output.contains(part), "\(part) in \(output)")
                }
            }
        }

        @Test("top says clearly that nothing listens, and what it would take")
        func nothingListens() async throws {
            let (status, output, errors) = try await ProductProcess.runToEnd(
                "agentshield", arguments: ["top", "--address", "127.0.0.1:1", "--once"])
            #expect(status == .exited(69) && output.isEmpty)
            #expect(errors.contains("nothing answers at 127.0.0.1:1") && errors.contains("listen.admin"))
            let both = try await ProductProcess.runToEnd("agentshield", arguments: ["top", "--once"])
            #expect(both.status != .exited(0) && both.errorOutput.contains("--config or --address"))
        }
    }
}
