import AgentShield
import Foundation
import NIOConcurrencyHelpers
import ProcessSupport
import SeededRandomness
import Testing

extension EndToEndTests {
    @Suite("a stream whose connection is lost", .timeLimit(.minutes(10)))
    struct ResumptionTests {
        /// Streams of each kind; `make resume` asks for a thousand.
        private static let streams = ProcessInfo.processInfo.environment["AGENTSHIELD_RESUME_STREAMS"].flatMap { Int($0) } ?? 24
        private static let resumable: CallOptions = {
            var options = CallOptions(deadline: .seconds(120))
            options.isResumable = true
            return options
        }()

        private static func client(_ stack: Stack, ports: [Int], key: String? = nil) throws -> AgentShieldClient {
            var configuration = AgentShieldClient.Configuration(
                addresses: ports.map { Address(host: "localhost", port: $0) }, credential: .apiKey(key ?? stack.keys.main))
            configuration.trust = .pem(Array(try Data(contentsOf: URL(fileURLWithPath: stack.authority))))
            configuration.retry.baseDelay = .milliseconds(10)
            return try AgentShieldClient(configuration: configuration)
        }

        /// Words that are not equal, so that a piece that is missing, doubled or out of order shows.
        private static func text(_ number: Int, words: Int = 60) -> String {
            (0..<words).map { "w\(number)x\($0)" }.joined(separator: " ")
        }

        @Test("goes on without its reader noticing, whole and in order, wherever and however often it is cut")
        func cut() async throws {
            try await Stack.run { stack in
                try await CuttingRelay.run(to: stack.tlsPort) { relay in
                    let client = try Self.client(stack, ports: [relay.port])
                    let pieces = NIOLockedValueBox(0)
                    let cutter = Task {
                        var random = SeededRandom(seed: 7)
                        var (seen, vain) = (0, 0)
                        while !Task.isCancelled {
                            try await Task.sleep(for: .milliseconds(Int.random(in: 40...400, using: &random)))
                            // A machine on which connecting takes longer than that is let read something after each third cut.
                            let read = pieces.withLockedValue { $0 }
                            vain = read == seen ? vain + 1 : 0
                            seen = read
                            if vain <= 3 { relay.cut() }
                        }
                    }
                    let failures = try await Self.readMany(client, Self.streams, pieces)
                    cutter.cancel()
                    print("\(Self.streams) streams, \(relay.accepted) connections: \(failures.count) failed")
                    #expect(failures == [])
                    #expect(relay.accepted > 2)
                    // Nothing that had begun was sent to the provider again.
                    let provider = try await stack.provider.statistics("exactly=active:0")
                    #expect(provider.requests - provider.closedEarly == Self.streams)
                    await client.shutdown(within: .zero)
                }
            }
        }

        /// Reads streams, eight at a time.
        ///
        /// - Parameter pieces: counts what is read.
        /// - Returns: what went wrong.
        private static func readMany(
            _ client: AgentShieldClient, _ count: Int, _ pieces: NIOLockedValueBox<Int>
        ) async throws -> [String] {
            try await withThrowingTaskGroup(of: String?.self) { group in
                var failures: [String] = []
                for number in 0..<count {
                    if number >= 8, let failure = try await group.next() ?? nil { failures.append(failure) }
                    group.addTask {
                        let text = text(number)
                        do {
                            var read = ""
                            let stream = client.stream(ChatRequest(model: "echo+slow-10ms", prompt: text), options: resumable)
                            for try await event in stream {
                                guard let piece = event.text else { continue }
                                read += piece
                                pieces.withLockedValue { $0 += 1 }
                            }
                            return read == text ? nil : "\(number): \(read)"
                        } catch { return "\(number): \(error)" }
                    }
                }
                for try await failure in group { if let failure { failures.append(failure) } }
                return failures
            }
        }

        @Test("goes on for another program that knows its place, and for nobody else")
        func place() async throws {
            try await Stack.run { stack in
                try await CuttingRelay.run(to: stack.tlsPort) { relay in
                    let first = try Self.client(stack, ports: [relay.port])
                    let text = Self.text(1, words: 120)
                    let stream = first.stream(ChatRequest(model: "echo+slow-20ms", prompt: text), options: Self.resumable)
                    var read = ""
                    // One that is broken off would be cancelled; a program that is killed says nothing.
                    var reader = stream.makeAsyncIterator()
                    while read.count <= 100, let event = try await reader.next() { read += event.text ?? "" }
                    let point = try #require(stream.resumePoint)
                    #expect(point.sequence > 0)
                    relay.cut(thenTo: 1)
                    let thief = try Self.client(stack, ports: [stack.tlsPort], key: stack.keys.foreign)
                    let stolen = await #expect(throws: AgentShieldError.self) { try await thief.resume(point).collect() }
                    #expect(stolen?.code == .resumeUnavailable)
                    let unknown = ResumePoint(responseID: "req_" + String(repeating: "0", count: 32), sequence: 0)
                    let second = try Self.client(stack, ports: [stack.tlsPort])
                    for wrong in [
                        unknown, ResumePoint(responseID: "x", sequence: 1), ResumePoint(responseID: point.responseID, sequence: 1 << 40),
                    ] {
                        let error = await #expect(throws: AgentShieldError.self) { try await second.resume(wrong).collect() }
                        #expect(error?.code == .resumeUnavailable)
                    }
                    let rest = try await second.resume(point).collect()
                    #expect(read + rest.text == text)
                    #expect(rest.summary.finishes.map(\.reason) == [.stop])
                    #expect(try await stack.provider.statistics("exactly=active:0").requests == 1)
                    // What is over is kept for some time, for who did not hear its end.
                    #expect(try await second.resume(point).collect().text == rest.text)
                    withExtendedLifetime(reader) {}
                    await first.shutdown(within: .zero)
                    await second.shutdown(within: .zero)
                    await thief.shutdown(within: .zero)
                }
            }
        }

        @Test("ends at the provider when nobody comes for it in time, and at once where it cannot be resumed")
        func givenUp() async throws {
            try await Stack.run(configure: { text, _ in
                text.replacing("slow_request_timeout: 20s}", with: "slow_request_timeout: 20s, wire: {resume_timeout: 1s}}")
            }) { stack in
                for isResumable in [true, false] {
                    try await CuttingRelay.run(to: stack.tlsPort) { relay in
                        let client = try Self.client(stack, ports: [relay.port])
                        var options = Self.resumable
                        options.isResumable = isResumable
                        let before = try await stack.provider.statistics("exactly=active:0")
                        let stream = client.stream(ChatRequest(model: "say:2000+slow-10ms", prompt: "go on"), options: options)
                        let reading = Task { try await stream.collect() }
                        try await until("something was read") { stream.resumePoint.map { $0.sequence > 2 } ?? false }
                        relay.cut(thenTo: 1)
                        let point = try #require(stream.resumePoint)
                        let after = try await stack.provider.statistics("exactly=active:0")
                        #expect(after.closedEarly == before.closedEarly + 1)
                        let other = try Self.client(stack, ports: [stack.tlsPort])
                        let late = await #expect(throws: AgentShieldError.self) { try await other.resume(point).collect() }
                        #expect(late?.code == .resumeUnavailable)
                        await client.shutdown(within: .zero)
                        let error = await #expect(throws: AgentShieldError.self) { try await reading.value }
                        #expect(error?.code == .connectionLost && error?.isRetryable == true)
                        await other.shutdown(within: .zero)
                    }
                }
            }
        }

        @Test("a draining gateway waits for it; one that is killed ends it with an error that says so")
        func gatewayGone() async throws {
            for (signal, isWhole) in [(SIGTERM, true), (SIGKILL, false)] {
                try await Stack.run { stack in
                    try await CuttingRelay.run(to: stack.tlsPort) { relay in
                        let client = try Self.client(stack, ports: [relay.port])
                        let text = Self.text(3, words: 100)
                        let stream = client.stream(ChatRequest(model: "echo+slow-20ms", prompt: text), options: Self.resumable)
                        let reading = Task { try await stream.collect() }
                        try await until("something was read") { stream.resumePoint.map { $0.sequence > 2 } ?? false }
                        stack.gateway.kill(signal)
                        if isWhole {
                            #expect(try await reading.value.text == text)
                        } else {
                            let error = await #expect(throws: AgentShieldError.self) { try await reading.value }
                            #expect(error?.code == .connectionLost && error?.isRetryable == true)
                            try stack.removeAuthority()
                        }
                        await client.shutdown(within: .zero)
                    }
                }
            }
        }
    }
}
