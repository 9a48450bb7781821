import AgentShield
import GatewayCrypto
import NIOConcurrencyHelpers
import NIOCore
import Testing
import Wire

@Suite("The client against a gateway on loopback TLS", .timeLimit(.minutes(4)))
struct LoopbackTests {
    private func makeClient(
        _ gateways: LoopbackGateway..., host: String = "localhost", adjust: (inout AgentShieldClient.Configuration) -> Void = { _ in }
    ) throws -> AgentShieldClient {
        var configuration = AgentShieldClient.Configuration(
            addresses: gateways.map { Address(host: host, port: $0.port) }, credential: .apiKey("as_test"))
        configuration.trust = .pem(try LoopbackGateway.certificate.get().authority)
        configuration.retry.baseDelay = .milliseconds(1)
        configuration.maxConnections = 1
        adjust(&configuration)
        return try AgentShieldClient(configuration: configuration)
    }

    private func withGateway(
        settings: ServerSettings = ServerSettings(), adjust: (inout AgentShieldClient.Configuration) -> Void = { _ in },
        answer: @escaping @Sendable (ScriptedRequest) -> Void, body: (LoopbackGateway, AgentShieldClient) async throws -> Void
    ) async throws {
        let gateway = try await LoopbackGateway.start(settings: settings, answer: answer)
        let client = try makeClient(gateway, adjust: adjust)
        try await body(gateway, client)
        await client.shutdown(within: .zero)
        try await gateway.stop()
    }

    @Test("an unstreamed chat carries usage, cost, scrub counts and timings")
    func chat() async throws {
        try await withGateway {
            $0.answer("You said: \($0.prompt)")
        } body: { gateway, client in
            let answer = try await client.chat(ChatRequest(model: "m", prompt: "hello"))
            #expect(answer.text == "You said: hello")
            #expect(answer.model == "real")
            #expect(answer.provider == "scripted")
            #expect(answer.cache == .miss)
            #expect(answer.finishReason == .stop)
            #expect(answer.usage == AgentShield.Usage(input: 5, cacheRead: 1, output: 3))
            #expect(answer.summary.costNanoUSD == 1_500)
            #expect(answer.costUSD == 0.0000015)
            #expect(answer.summary.tokenLimit == AgentShield.LimitStatus(limit: 100, remaining: 40, reset: .milliseconds(1_500)))
            #expect(answer.summary.concurrencyLimit == AgentShield.LimitStatus(limit: 8, remaining: 7, reset: .zero))
            #expect(answer.summary.requestLimit == nil)
            #expect(answer.summary.scrubbed == [AgentShield.ScrubCount(kind: "EMAIL", count: 2)])
            #expect(answer.summary.timings == [AgentShield.PhaseTiming(phase: "scrub", microseconds: 42)])
            #expect(answer.summary.receiptID == "rc-1")
            #expect(gateway.record.elements.first == .connected(credential: "as_test"))
        }
    }

    @Test("a client that reaches the gateway by its IP address trusts the development certificate")
    func addressName() async throws {
        let gateway = try await LoopbackGateway.start { $0.answer("ok") }
        let client = try makeClient(gateway, host: "127.0.0.1")
        let value = try await client.chat(ChatRequest(model: "m", prompt: "p")).text
        #expect(value == "ok")
        await client.shutdown(within: .zero)
        try await gateway.stop()
    }

    @Test("a stream gives the pieces in their order, then the summary")
    func stream() async throws {
        try await withGateway {
            $0.begin()
            for word in ["one ", "two ", "three"] { $0.text(word) }
            $0.end()
        } body: { _, client in
            var texts: [String] = []
            var first: ChatEvent?
            var last: ChatEvent?
            for try await event in client.stream(ChatRequest(model: "m", prompt: "p")) {
                first = first ?? event
                last = event
                if let text = event.text { texts.append(text) }
            }
            #expect(texts == ["one ", "two ", "three"])
            guard case .begin(let head) = first, case .finish(let summary) = last else {
                Issue.record("the stream is not framed by its head and its summary")
                return
            }
            #expect(head.requestID == "q-1")
            #expect(summary.receiptID == "rc-1")
        }
    }

    @Test("models are listed")
    func models() async throws {
        try await withGateway { request in
            request.begin()
            request.perform { [stream = request.stream] in
                $0.sendResult(ResultBody(.models(ModelsResult(models: [ModelEntry(id: "a", ownedBy: "b", created: 7)]))), on: stream)
            }
            request.end()
        } body: { _, client in
            let value = try await client.models()
            #expect(value == [Model(id: "a", ownedBy: "b", created: 7)])
        }
    }

    @Test("a reader that pauses stops its own stream, and no other")
    func backPressure() async throws {
        let piece = String(repeating: "x", count: 16_384)
        let pieces = 64  // four times the stream's credit
        try await withGateway { request in
            guard request.model == "long" else { return request.answer("quick") }
            request.begin()
            for _ in 0..<pieces { request.text(piece) }
            request.end()
        } body: { gateway, client in
            var iterator = client.stream(ChatRequest(model: "long", prompt: "p")).makeAsyncIterator()
            var received = 0
            while received == 0 { received += try await iterator.next()?.text?.utf8.count ?? 0 }
            for _ in 0..<20 {
                let value = try await client.chat(ChatRequest(model: "m", prompt: "p")).text
                #expect(value == "quick")
            }
            // The gateway still holds what the credit does not cover.
            #expect(!gateway.record.elements.contains(.writable))
            while let event = try await iterator.next() { received += event.text?.utf8.count ?? 0 }
            #expect(received == pieces * piece.utf8.count)
        }
    }

    @Test("breaking off the loop sends CANCEL")
    func breaking() async throws {
        try await withGateway {
            $0.begin()
            $0.text("endless")
        } body: { gateway, client in
            for try await event in client.stream(ChatRequest(model: "m", prompt: "p")) where event.text != nil { break }
            await gateway.record.wait { $0.contains(.cancelled(.caller)) }
        }
    }

    @Test("a stream that nobody reads is cancelled when it is dropped")
    func dropping() async throws {
        let requested = Recorder<Bool>()
        try await withGateway { _ in
            requested.add(true)
        } body: { gateway, client in
            var stream: ChatStream? = client.stream(ChatRequest(model: "m", prompt: "p"))
            await requested.wait { !$0.isEmpty }
            #expect(stream != nil)
            stream = nil
            await gateway.record.wait { $0.contains(.cancelled(.caller)) }
        }
    }

    @Test("a task that is cancelled already asks for nothing")
    func cancelledBefore() async throws {
        try await withGateway {
            $0.answer("to nobody")
        } body: { gateway, client in
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return try await client.chat(ChatRequest(model: "m", prompt: "p"))
            }
            await #expect(throws: CancellationError.self) { try await task.value }
            let text = try await client.chat(ChatRequest(model: "m", prompt: "p")).text
            #expect(text == "to nobody")
            #expect(gateway.record.elements.count { if case .requested = $0 { true } else { false } } == 1)
        }
    }

    @Test("cancelling the task sends CANCEL and throws CancellationError")
    func cancellation() async throws {
        let requested = Recorder<Bool>()
        try await withGateway { _ in
            requested.add(true)
        } body: { gateway, client in
            let task = Task { try await client.chat(ChatRequest(model: "m", prompt: "p")) }
            await requested.wait { !$0.isEmpty }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            await gateway.record.wait { $0.contains(.cancelled(.caller)) }
        }
    }

    @Test("a deadline is told to the gateway and kept without it")
    func deadline() async throws {
        try await withGateway {
            if $0.model != "silent" { $0.answer("ok") }
        } body: { gateway, client in
            // The connection is there before the clock runs.
            _ = try await client.chat(ChatRequest(model: "m", prompt: "p"))
            let error = await #expect(throws: AgentShieldError.self) {
                try await client.chat(ChatRequest(model: "silent", prompt: "p"), options: CallOptions(deadline: .seconds(3)))
            }
            #expect(error?.code == .deadlineExceeded)
            await gateway.record.wait { $0.contains(.cancelled(.deadlineExceeded)) }
            let told = gateway.record.elements.compactMap { if case .requested(_, let deadline) = $0 { deadline } else { nil } }
            #expect(told.last.map { (1...3_000).contains($0) } == true)
        }
    }

    @Test("GOAWAY lets open calls end and takes new ones to another connection, without an error")
    func goAway() async throws {
        let held = Recorder<ScriptedRequest>()
        try await withGateway {
            $0.model == "held" ? held.add($0) : $0.answer("new")
        } body: { gateway, client in
            async let first = client.chat(ChatRequest(model: "held", prompt: "p"))
            await held.wait { !$0.isEmpty }
            gateway.goAway()
            for _ in 0..<5 {
                let answer = try await client.chat(ChatRequest(model: "m", prompt: "p"))
                #expect(answer.text == "new")
            }
            held.elements.first?.answer("old")
            let value = try await first.text
            #expect(value == "old")
        }
    }

    @Test("a client finds its way back when the gateway has cut the connection")
    func reconnect() async throws {
        try await withGateway {
            $0.answer("ok")
        } body: { gateway, client in
            for round in 1...3 {
                let value = try await client.chat(ChatRequest(model: "m", prompt: "p")).text
                #expect(value == "ok")
                gateway.cut()
                await gateway.record.wait { $0.filter { $0 == .disconnected }.count == round }
            }
        }
    }

    @Test("a gateway that is not there is passed over for the one that is")
    func severalAddresses() async throws {
        let gateway = try await LoopbackGateway.start { $0.answer("here") }
        for _ in 0..<4 {
            // Nobody who asks for a free port is given this one; one that a gateway has left may be another test's by now.
            let client = try makeClient(gateway) { $0.addresses.insert(Address(host: "localhost", port: 1), at: 0) }
            let value = try await client.chat(ChatRequest(model: "m", prompt: "p")).text
            #expect(value == "here")
            await client.shutdown()
        }
        try await gateway.stop()
    }

    @Test("what is retried carries the idempotency key of its first attempt")
    func retries() async throws {
        let attempts = NIOLockedValueBox(0)
        try await withGateway { request in
            let attempt = attempts.withLockedValue {
                $0 += 1
                return $0
            }
            switch attempt {
            case 1: request.door.channel.close(promise: nil)
            case 2: request.fail(ErrorBody(code: .overloaded, message: "busy", retryable: true, requestID: "q-2"))
            default: request.answer("third time")
            }
        } body: { gateway, client in
            let value = try await client.chat(ChatRequest(model: "m", prompt: "p")).text
            #expect(value == "third time")
            let keys = gateway.record.elements.compactMap { if case .requested(let key, _) = $0 { key } else { nil } }
            #expect(keys.count == 3)
            #expect(Set(keys).count == 1)
            #expect(keys.first?.count == 32)
        }
    }

    @Test("nothing is retried after a part of the answer was delivered")
    func noRetryAfterDelivery() async throws {
        try await withGateway { request in
            request.begin()
            request.text("part")
            request.fail(
                ErrorBody(code: .streamBroken, message: "broken", retryable: true, retryAfterMs: 5, requestID: "q-3", param: "p"))
        } body: { gateway, client in
            let error = await #expect(throws: AgentShieldError.self) {
                try await client.stream(ChatRequest(model: "m", prompt: "p")).collect()
            }
            #expect(error?.code == .streamBroken)
            #expect(error?.name == "stream_broken")
            #expect(error?.requestID == "q-3")
            #expect(error?.retryAfter == .milliseconds(5))
            #expect(error?.parameter == "p")
            #expect(error?.isRetryable == true)
            #expect(gateway.record.elements.filter { if case .requested = $0 { true } else { false } }.count == 1)
        }
    }

    @Test("a connection lost after the answer began is an error, not a second attempt")
    func lostAfterBegin() async throws {
        try await withGateway { request in
            request.begin()
            request.text("part")
        } body: { gateway, client in
            let error = await #expect(throws: AgentShieldError.self) {
                for try await event in client.stream(ChatRequest(model: "m", prompt: "p")) where event.text != nil { gateway.cut() }
            }
            #expect(error?.code == .connectionLost)
            #expect(gateway.record.elements.filter { if case .requested = $0 { true } else { false } }.count == 1)
        }
    }

    @Test("300 streams at once share one connection of 256, and all arrive")
    func manyStreams() async throws {
        try await withGateway {
            $0.answer("answer to \($0.prompt)")
        } body: { gateway, client in
            let right = try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<300 {
                    group.addTask {
                        let stream = client.stream(ChatRequest(model: "m", prompt: "\(number)"))
                        return try await stream.collect().text == "answer to \(number)"
                    }
                }
                return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(right == 300)
            #expect(gateway.record.elements.filter { if case .connected = $0 { true } else { false } }.count == 1)
        }
    }

    @Test("a key that the gateway does not know is an error at once")
    func unauthenticated() async throws {
        let gateway = try await LoopbackGateway.start(accepts: { $0 == "other" }) { $0.answer("ok") }
        let client = try makeClient(gateway)
        let error = await #expect(throws: AgentShieldError.self) { try await client.chat(ChatRequest(model: "m", prompt: "p")) }
        #expect(error?.code == .unauthenticated)
        await client.shutdown(within: .zero)
        try await gateway.stop()
    }

    @Test("the credential provider is asked for every new connection")
    func credentialProvider() async throws {
        let count = NIOLockedValueBox(0)
        try await withGateway(adjust: {
            $0.credential = .provider {
                count.withLockedValue {
                    $0 += 1
                    return "key-\($0)"
                }
            }
        }) {
            $0.answer("ok")
        } body: { gateway, client in
            _ = try await client.chat(ChatRequest(model: "m", prompt: "p"))
            gateway.cut()
            await gateway.record.wait { $0.contains(.disconnected) }
            _ = try await client.chat(ChatRequest(model: "m", prompt: "p"))
            #expect(gateway.record.elements.contains(.connected(credential: "key-1")))
            #expect(gateway.record.elements.contains(.connected(credential: "key-2")))
        }
    }

    @Test("a server that is not trusted, or speaks something else, never sees the key")
    func untrusted() async throws {
        let other = try await LoopbackGateway.start(applicationProtocol: "h2") { $0.answer("ok") }
        let gateway = try await LoopbackGateway.start { $0.answer("ok") }
        let untrusting = try makeClient(gateway) {
            $0.trust = .systemRoots
            $0.retry.maxConnectAttempts = 1
        }
        let speaking = try makeClient(other) { $0.retry.maxConnectAttempts = 1 }
        for client in [untrusting, speaking] {
            let error = await #expect(throws: AgentShieldError.self) { try await client.chat(ChatRequest(model: "m", prompt: "p")) }
            #expect(error?.code == .unreachable)
            await client.shutdown(within: .zero)
        }
        for server in [gateway, other] {
            #expect(!server.record.elements.contains { if case .connected = $0 { true } else { false } })
            try await server.stop()
        }
    }

    @Test("shutdown lets the open call end, and refuses the next")
    func shutdown() async throws {
        let held = Recorder<ScriptedRequest>()
        let gateway = try await LoopbackGateway.start { held.add($0) }
        let client = try makeClient(gateway)
        async let answer = client.chat(ChatRequest(model: "m", prompt: "p"))
        await held.wait { !$0.isEmpty }
        async let stopped: Void = client.shutdown()
        let refused = Recorder<Bool>()
        let probe = Task {
            while !Task.isCancelled {
                do {
                    _ = try await client.chat(ChatRequest(model: "m", prompt: "p"), options: CallOptions(deadline: .milliseconds(50)))
                } catch let error as AgentShieldError where error.code == .clientShutDown {
                    refused.add(true)
                    return
                } catch {}
            }
        }
        await refused.wait { !$0.isEmpty }
        await probe.value
        held.elements.first?.answer("last")
        let value = try await answer.text
        #expect(value == "last")
        await stopped
        await gateway.record.wait { $0.contains(.disconnected) }
        try await gateway.stop()
    }
}
