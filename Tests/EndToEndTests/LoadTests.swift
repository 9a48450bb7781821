import ProcessSupport
import Testing

extension EndToEndTests {
    /// Shapes of load. Afterwards no stream is open and memory is back to where it was; the bound leaves room for what an allocator keeps.
    @Suite("load", .serialized, .sharedStack, .timeLimit(.minutes(3)))
    struct LoadTests {
        private static let allowance = 64 << 20

        /// Runs the load and then waits for its traces to go.
        private static func measure(_ stack: Stack, _ load: () async throws -> Void) async throws {
            let (memory, sockets) = (try stack.residentBytes, try stack.openSockets)
            let connections = try await stack.provider.statistics("exactly=active:0")
            try await load()
            let after = try await stack.provider.statistics("exactly=active:0")
            #expect(after.requests > connections.requests)
            // Idle connections to the provider are kept for the next requests.
            try await until("connections of clients are closed") { try stack.openSockets <= sockets + 256 }
            try await until("memory is back: \(memory >> 20) MiB before, \(try stack.residentBytes >> 20) MiB after") {
                try stack.residentBytes < memory + allowance
            }
        }

        @Test("two hundred streams at once", arguments: Door.allCases)
        func streamsAtOnce(door: Door) async throws {
            let stack = try Stack.shared
            try await Self.measure(stack) {
                try await door.withCallers(200, stack) { callers in
                    var calls: [Call] = []
                    for caller in callers { calls.append(try await caller.begin(Chat("say:10+delay-500ms+slow-10ms", streamed: true))) }
                    for call in calls { try await call.begun() }
                    for call in calls {
                        let reply = try await call.reply()
                        #expect(reply.isWhole)
                        #expect(reply.text.split(separator: " ").count == 10)
                    }
                }
            }
        }

        @Test("ten thousand requests on one connection of the wire")
        func manyRequests() async throws {
            let stack = try Stack.shared
            try await Self.measure(stack) {
                try await Door.wire.withCaller(stack) { caller in
                    var whole = 0
                    for _ in 0..<100 {
                        var calls: [Call] = []
                        // A tenth of them asks the provider.
                        for number in 0..<100 { calls.append(try await caller.begin(Chat(number % 10 == 0 ? "bench:1" : "memo"))) }
                        for call in calls where try await call.reply().isWhole { whole += 1 }
                    }
                    #expect(whole == 10_000)
                }
            }
        }

        @Test("a thousand requests one after the other on one connection of HTTP")
        func keepAlive() async throws {
            let stack = try Stack.shared
            try await Self.measure(stack) {
                try await Door.http.withCaller(stack) { caller in
                    var whole = 0
                    for _ in 0..<1000 where try await caller.chat(Chat("bench:1")).isWhole { whole += 1 }
                    #expect(whole == 1000)
                }
            }
        }

        @Test("a thousand cancelled streams", arguments: Door.allCases)
        func cancelledStreams(door: Door) async throws {
            let stack = try Stack.shared
            let before = try await stack.provider.statistics("exactly=active:0")
            try await Self.measure(stack) {
                for _ in 0..<10 {
                    try await door.withCallers(100, stack) { callers in
                        var calls: [Call] = []
                        for caller in callers { calls.append(try await caller.begin(Chat("say:30+slow-2000ms", streamed: true))) }
                        _ = try await stack.provider.statistics("exactly=active:100")
                        for call in calls { call.cancel() }
                        _ = try await stack.provider.statistics("exactly=active:0")
                    }
                }
            }
            #expect(try await stack.provider.statistics().closedEarly == before.closedEarly + 1000)
        }
    }
}
