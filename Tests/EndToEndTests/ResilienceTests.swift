import Foundation
import Testing

extension EndToEndTests {
    /// Providers that fail for a while, or in part: what callers notice of it.
    @Suite("resilience", .timeLimit(.minutes(4)))
    struct ResilienceTests {
        private static let settings = """
            resilience:
              retries: {max_attempts: 3, base_delay: 5ms, max_delay: 1500ms}
              breaker: {minimum_calls: 12, open_for: 10m, max_open_for: 10m}

            """

        private static func file(_ text: String, _: URL) throws -> String {
            let url = try #require(text.firstMatch(of: /scripted: \{dialect: openai, base_url: "(.*?)"\}/)).1
            return text.replacing(
                "providers:\n",
                with: """
                    providers:
                      half: {dialect: openai, endpoints: [{base_url: "http://127.0.0.1:1/v1"}, {base_url: "\(url)", weight: 2}]}

                    """
            ).replacing(
                "models:\n",
                with: """
                    models:
                      - {name: half-echo, provider: half, upstream_name: echo}
                      - {name: twice-hanging, provider: scripted, upstream_name: hang+first-2, first_byte_timeout: 2s}
                      - {name: hedged, provider: scripted, upstream_name: hang+first-1, hedge_after: 50ms}
                      - {name: rescued, provider: scripted, upstream_name: fail-500+delay-1ms, max_attempts: 1, fallback: [echo]}
                      - {name: "cut+first-1", provider: scripted, upstream_name: "cut+delay-1ms+first-1"}
                      - {name: "empty+first-2", provider: scripted}
                      - {name: "html+first-2", provider: scripted}
                      - {name: "garbage+first-2", provider: scripted}
                      - {name: broken, provider: scripted, upstream_name: fail-502, max_attempts: 1}

                    """)
        }

        private static func run(_ body: (Stack) async throws -> Void) async throws {
            try await Stack.run(extra: settings, configure: file, body)
        }

        @Test("two failures are not noticed, whatever they are", arguments: Door.allCases, [false, true])
        func again(door: Door, streamed: Bool) async throws {
            try await Self.run { stack in
                for model in [
                    "fail-500+first-2", "fail-502+first-2", "fail-408+first-2", "fail-503+first-1", "fail-529+first-1", "twice-hanging",
                    "empty+first-2", "html+first-2", "garbage+first-2",
                ] {
                    try await stack.provider.forget()
                    try await door.withCaller(stack) { caller in
                        let chat = Chat(model, "Again, me@example.com", streamed: streamed)
                        let reply = try await caller.chat(chat)
                        #expect(reply.fault == nil && reply.isWhole, "\(model): \(reply.fault?.told ?? "")")
                        #expect(reply.text == chat.text, "\(model)")
                    }
                    let bodies = try await stack.provider.bodies()
                    #expect(bodies.count == (model.hasSuffix("first-1") ? 2 : 3), "\(model)")
                    #expect(Set(bodies).count == 1 && !bodies[0].contains("me@example.com"), "\(model)")
                }
                #expect(try await stack.provider.statistics("exactly=active:0").active == 0)
            }
        }

        @Test("an answer that is cut is fetched again as long as the caller has nothing of it", arguments: Door.allCases)
        func cut(door: Door) async throws {
            try await Self.run { stack in
                try await door.withCaller(stack) { caller in
                    let whole = try await caller.chat(Chat("cut+first-1"))
                    #expect(whole.isWhole)
                }
                try await stack.provider.forget()
                try await door.withCaller(stack) { caller in
                    let broken = try await caller.chat(Chat("cut+first-1", streamed: true))
                    #expect(broken.fault?.told == Documented.streamBroken.told(by: door, midStream: true))
                    #expect(broken.pieces > 0)
                }
                #expect(try await stack.provider.bodies().count == 1)
            }
        }

        @Test("a retry-after that nobody waits for is told; a model's fallback answers in its place", arguments: Door.allCases)
        func advice(door: Door) async throws {
            try await Self.run { stack in
                try await door.withCaller(stack) { caller in
                    let limited = try await caller.chat(Chat("fail-429"))
                    #expect(limited.fault?.told == Documented.upstreamRateLimited.told(by: door))
                    #expect((1...2_000).contains(limited.fault?.retryAfterMilliseconds ?? 0))
                    let rescued = try await caller.chat(Chat("rescued"))
                    #expect(rescued.isWhole && rescued.routeReason == "fallback:1")
                }
                #expect(try await stack.provider.bodies().count == 3)
            }
        }

        @Test(
            "a second call answers for one that hangs, and the provider is rid of the first at once", arguments: Door.allCases,
            [false, true])
        func hedged(door: Door, streamed: Bool) async throws {
            try await Self.run { stack in
                try await door.withCaller(stack) { caller in
                    let chat = Chat("hedged", streamed: streamed)
                    let reply = try await caller.chat(chat)
                    #expect(reply.isWhole && reply.text == chat.text)
                }
                let statistics = try await stack.provider.statistics("exactly=active:0")
                #expect(statistics.requests == 2 && statistics.closedEarly == 1)
            }
        }

        @Test("an endpoint that is gone costs no caller an answer", arguments: Door.allCases)
        func endpoints(door: Door) async throws {
            try await Self.run { stack in
                try await door.withCaller(stack) { caller in
                    for _ in 0..<20 {
                        let reply = try await caller.chat(Chat("half-echo"))
                        #expect(reply.isWhole)
                    }
                }
            }
        }

        @Test("a model that fails on and on is left alone: 503 at once, and its provider hears no more of it", arguments: Door.allCases)
        func breaker(door: Door) async throws {
            try await Self.run { stack in
                try await door.withCaller(stack) { caller in
                    var refused: Reply.Fault?
                    // Each event loop counts for itself, and this connection has one.
                    for _ in 0..<13 where refused == nil {
                        let reply = try await caller.chat(Chat("broken"))
                        if reply.fault?.told != Documented.upstreamError.told(by: door) { refused = reply.fault }
                    }
                    #expect(refused?.told == Documented.overloaded.told(by: door))
                    #expect((refused?.retryAfterMilliseconds ?? 0) > 0)
                    #expect(try await stack.provider.bodies().count == 12)
                    #expect(try await caller.chat(Chat("echo")).isWhole)
                }
            }
        }
    }
}
