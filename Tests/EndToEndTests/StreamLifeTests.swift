import ProcessSupport
import Testing

extension EndToEndTests {
    @Suite("the life of a stream", .sharedStack, .timeLimit(.minutes(4)))
    struct StreamLifeTests {
        @Test("a deadline ends a request that gets no answer, and its call", arguments: Door.allCases, [false, true])
        func deadline(door: Door, streamed: Bool) async throws {
            let stack = try Stack.shared
            let before = try await stack.provider.statistics("exactly=active:0")
            try await door.withCaller(stack) { caller in
                let reply = try await caller.chat(Chat("patient-hang", streamed: streamed, deadlineMilliseconds: 200))
                #expect(reply.fault?.told == Documented.deadlineExceeded.told(by: door))
                // On a busy machine the deadline may pass before the provider has the request.
                let after = try await stack.provider.statistics("exactly=active:0")
                #expect(after.closedEarly - before.closedEarly == after.requests - before.requests)
                #expect(try await caller.chat(Chat("echo")).isWhole)
            }
        }

        @Test("a deadline ends a stream that is under way", arguments: Door.allCases)
        func deadlineMidStream(door: Door) async throws {
            let stack = try Stack.shared
            try await door.withCaller(stack) { caller in
                // On a busy machine a short deadline may pass before the first piece: then a longer one is tried.
                var reply = Reply()
                for deadline in [300, 1500, 7500] where reply.pieces == 0 {
                    reply = try await caller.chat(Chat("say:2000+slow-10ms", streamed: true, deadlineMilliseconds: deadline))
                    #expect(reply.fault?.told == Documented.deadlineExceeded.told(by: door, midStream: reply.pieces > 0))
                }
                #expect(reply.pieces > 0)
            }
            #expect(try await stack.provider.statistics("exactly=active:0").active == 0)
        }

        @Test("who leaves has his call closed at once", arguments: Door.allCases, [false, true])
        func cancel(door: Door, streamed: Bool) async throws {
            let stack = try Stack.shared
            let before = try await stack.provider.statistics("exactly=active:0")
            try await door.withCaller(stack) { caller in
                let call = try await caller.begin(streamed ? Chat("say:2000+slow-10ms", streamed: true) : Chat("patient-hang"))
                _ = try await stack.provider.statistics("exactly=active:1")
                if streamed { try await call.begun() }
                call.cancel()
                #expect(try await stack.provider.statistics("exactly=active:0").closedEarly == before.closedEarly + 1)
                // On the wire nobody else on the connection notices.
                if door == .wire { #expect(try await caller.chat(Chat("echo")).isWhole) }
            }
        }

        @Test("a connection that goes takes all of its calls with it", arguments: Door.allCases)
        func connectionLost(door: Door) async throws {
            let stack = try Stack.shared
            let before = try await stack.provider.statistics("exactly=active:0")
            try await door.withCallers(10, stack) { callers in
                var calls: [Call] = []
                for caller in callers { calls.append(try await caller.begin(Chat("say:1000+slow-20ms", streamed: true))) }
                for call in calls { try await call.begun() }
                for caller in callers { caller.close() }
                for call in calls { #expect(try await !call.reply().isWhole) }
            }
            #expect(try await stack.provider.statistics("exactly=active:0").closedEarly == before.closedEarly + 10)
        }

        @Test("who waits for an equal request and leaves does not end it", arguments: Door.allCases)
        func leavesFlight(door: Door) async throws {
            let stack = try Stack.shared
            let chat = Chat("slow-memo", "flown by \(door.rawValue)", streamed: true)
            let before = try await stack.provider.statistics().requests
            try await door.withCallers(3, stack) { callers in
                let leader = try await callers[0].begin(chat)
                _ = try await stack.provider.statistics("at_least=requests:\(before + 1)")
                let leaver = try await callers[1].begin(chat)
                let stayer = try await callers[2].begin(chat)
                leaver.cancel()
                #expect(try await stayer.reply().text == chat.text)
                #expect(try await leader.reply().text == chat.text)
            }
        }

        @Test("a client that stops reading stops its own call and nobody else's", arguments: Door.allCases)
        func stopsReading(door: Door) async throws {
            let stack = try Stack.shared
            // More than the sockets on the way can hold; on the wire the stream's credit ends it much earlier.
            let choices = door == .wire ? 40 : 96
            let text = String(repeating: "0123456789abcdef", count: 1 << 14)
            let memory = try stack.residentBytes
            try await door.withCallers(2, stack) { callers in
                let before = try await stack.provider.statistics("exactly=active:0")
                let call = try await callers[0].begin(Chat("echo+pieces:8192", text, streamed: true, choices: choices))
                try await call.begun()
                call.setReading(false)
                var seen = -1
                try await until("the call stands still") {
                    #expect(try await callers[1].chat(Chat("echo")).isWhole)
                    let sent = try await stack.provider.statistics().bytesSent
                    // What the call itself sent, beside the small answers in between.
                    defer { seen = sent }
                    return sent - seen < 10_000
                }
                let stalled = try await stack.provider.statistics()
                #expect(stalled.active == 1)
                #expect(stalled.bytesSent - before.bytesSent < choices << 18)
                #expect(try stack.residentBytes < memory + 96 << 20)
                call.setReading(true)
                let reply = try await call.reply()
                #expect(reply.isWhole)
                #expect(reply.texts.count == choices)
                #expect(reply.texts.values.allSatisfy { $0 == text })
            }
            #expect(try await stack.provider.statistics("exactly=active:0").active == 0)
            try await stack.provider.forget()
        }
    }
}
