import Testing

extension EndToEndTests {
    @Suite("a provider that fails", .sharedStack, .timeLimit(.minutes(4)))
    struct UpstreamFaultTests {
        struct Outcome: Sendable {
            var documented: Documented?
            /// A part of the answer has been delivered when it breaks.
            var midStream = false
            /// HTTP status where it is the provider's own.
            var status: Int?
            var advisesRetry = false

            var mayGoElsewhere: Bool { documented != nil && !midStream && status == nil }

            func told(by door: Door) -> String? {
                guard let told = documented?.told(by: door, midStream: midStream) else { return nil }
                guard let status, door == .http else { return told }
                return "\(status) " + told.drop { $0 != " " }.dropFirst()
            }

            static let badAnswer = Outcome(documented: .upstreamBadAnswer)
            static let broken = Outcome(documented: .streamBroken, midStream: true)
        }

        static let outcomes: [String: (plain: Outcome, streamed: Outcome)] = {
            let both: [String: Outcome] = [
                "fail-400": Outcome(documented: .upstreamRejected, status: 400),
                "fail-404": Outcome(documented: .upstreamRejected, status: 404),
                "fail-401": Outcome(documented: .upstreamCredential), "fail-403": Outcome(documented: .upstreamCredential),
                "fail-429": Outcome(documented: .upstreamRateLimited, advisesRetry: true),
                "fail-500": Outcome(documented: .upstreamError), "fail-503": Outcome(documented: .upstreamOverloaded, advisesRetry: true),
                "hang": Outcome(documented: .upstreamTimeout), "gone": Outcome(documented: .upstreamUnreachable),
                "garbage": .badAnswer, "empty": .badAnswer, "html": .badAnswer,
            ]
            var outcomes = both.mapValues { (plain: $0, streamed: $0) }
            outcomes["hang-mid"] = (Outcome(documented: .upstreamTimeout), .broken)
            outcomes["cut"] = (.badAnswer, .broken)
            outcomes["bad-sse"] = (Outcome(documented: nil), .badAnswer)
            return outcomes
        }()

        @Test(
            "each fault is told as documented, and the connection takes the next request", arguments: Door.allCases, [false, true])
        func faults(door: Door, streamed: Bool) async throws {
            let stack = try Stack.shared
            #expect(Set(Self.outcomes.keys) == Set(GatewayFile.faults))
            for (model, outcomes) in Self.outcomes.sorted(by: { $0.key < $1.key }) {
                let expected = streamed ? outcomes.streamed : outcomes.plain
                try await door.withCaller(stack) { caller in
                    let reply = try await caller.chat(Chat(model, streamed: streamed))
                    #expect(reply.fault?.told == expected.told(by: door), "\(model)")
                    #expect(reply.isWhole == (expected.documented == nil), "\(model)")
                    #expect((reply.pieces > 0) == (expected.midStream || expected.documented == nil), "\(model)")
                    if expected.advisesRetry { #expect((reply.fault?.retryAfterMilliseconds ?? 0) > 0, "\(model)") }
                    #expect(try await caller.chat(Chat("echo", streamed: streamed)).isWhole, "\(model)")
                }
            }
            #expect(try await stack.provider.statistics("exactly=active:0").active == 0)
        }

        @Test("another provider answers if nothing was delivered and it may do better", arguments: Door.allCases, [false, true])
        func fallback(door: Door, streamed: Bool) async throws {
            let stack = try Stack.shared
            for (model, outcomes) in Self.outcomes.sorted(by: { $0.key < $1.key }) {
                let expected = streamed ? outcomes.streamed : outcomes.plain
                try await door.withCaller(stack) { caller in
                    let chat = Chat("rescued-\(model)", "Rescue me@example.com", streamed: streamed)
                    let reply = try await caller.chat(chat)
                    if expected.mayGoElsewhere {
                        #expect(reply.fault == nil, "\(model)")
                        #expect(reply.text == chat.text, "\(model)")
                        #expect(reply.routeReason == "fallback:1", "\(model)")
                    } else {
                        #expect(reply.fault?.told == expected.told(by: door), "\(model)")
                    }
                }
            }
            #expect(try await stack.provider.statistics("exactly=active:0").active == 0)
        }
    }
}
