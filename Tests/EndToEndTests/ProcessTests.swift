import Foundation
import NIOCore
import NIOPosix
import ProcessSupport
import Testing

extension EndToEndTests {
    @Suite("the program", .timeLimit(.minutes(4)))
    struct ProcessTests {
        @Test("SIGTERM lets what runs end, takes nothing new, and ends the program with status 0")
        func drains() async throws {
            try await Stack.run(drainDeadline: "60s") { stack in
                let wire = try await WireCaller.connect(stack, key: stack.keys.main)
                let http = try await HTTPCaller.connect(stack, key: stack.keys.main)
                let idle = try await HTTPCaller.connect(stack, key: stack.keys.main)
                defer { ([wire, http, idle] as [any Caller]).forEach { $0.close() } }
                #expect(try await idle.chat(Chat("echo")).isWhole)
                // Ten seconds, in which all is looked at that is told while they run.
                let chat = Chat("say:400+slow-25ms", streamed: true)
                let calls = [try await wire.begin(chat), try await http.begin(chat)]
                for call in calls { try await call.begun() }

                stack.gateway.kill(SIGTERM)
                try await wire.toldToLeave()
                try await idle.closed.within("the end of an idle connection")
                let late = try await wire.chat(Chat("echo"))
                #expect(late.fault?.told == "not sent: goingAway")
                for port in [stack.tlsPort, stack.httpPort] {
                    await #expect(throws: (any Error).self) { try await HTTPCaller.connect(port: port, tls: nil, key: nil) }
                }
                let health = try await HTTPCaller.connect(port: stack.adminPort, tls: nil, key: nil)
                defer { health.close() }
                #expect(try await health.send("GET", "/readyz").status == 503)
                #expect(try await health.send("GET", "/healthz").status == 200)
                for call in calls {
                    let reply = try await call.reply()
                    #expect(reply.isWhole)
                    #expect(reply.text.split(separator: " ").count == 400)
                }
                #expect(await stack.gateway.waitForExit() == .exited(0))
            }
        }

        @Test("what is not done at the drain's deadline is cut, and told so")
        func cutsAtDeadline() async throws {
            try await Stack.run(drainDeadline: "300ms") { stack in
                let wire = try await WireCaller.connect(stack, key: stack.keys.main)
                let http = try await HTTPCaller.connect(stack, key: stack.keys.main)
                defer { ([wire, http] as [any Caller]).forEach { $0.close() } }
                let chat = Chat("say:10000+slow-20ms", streamed: true)
                let calls = [try await wire.begin(chat), try await http.begin(chat)]
                for call in calls { try await call.begun() }
                stack.gateway.kill(SIGTERM)
                #expect(try await calls[0].reply().fault?.told == Documented.draining.wire)
                #expect(try await calls[1].reply().fault?.told == Documented.draining.told(by: .http, midStream: true))
                #expect(try await stack.provider.statistics("exactly=active:0").active == 0)
                #expect(await stack.gateway.waitForExit() == .exited(0))
            }
        }

        @Test("SIGHUP takes a good file and keeps the old configuration for a bad one, whoever is connected")
        func reloads() async throws {
            try await Stack.run { stack in
                for door in Door.allCases {
                    try await door.withCaller(stack) { caller in
                        try Data(stack.configuration.utf8).write(to: stack.configurationFile)
                        let running = try await door.connect(stack, key: stack.keys.main)
                        defer { running.close() }
                        let call = try await running.begin(Chat("say:40+slow-25ms", streamed: true))
                        try await call.begun()
                        let name = "fresh-\(door.rawValue)"
                        #expect(try await caller.chat(Chat(name)).fault?.told == Documented.modelNotFound.told(by: door))

                        let good = stack.configuration.replacing("models:\n", with: "models:\n  - {name: \(name), provider: scripted}\n")
                        try Data(good.utf8).write(to: stack.configurationFile)
                        stack.gateway.kill(SIGHUP)
                        try await until("the new model is there") { try await caller.chat(Chat(name)).isWhole }

                        // The fault names the door, so that its own line is waited for.
                        try Data((good + "bad-\(door.rawValue): 1\n").utf8).write(to: stack.configurationFile)
                        stack.gateway.kill(SIGHUP)
                        _ = try await stack.gateway.errorLine(containing: "configuration kept")
                        try await until("the refused key is named") { stack.gateway.errorOutput.contains("bad-\(door.rawValue)") }
                        #expect(try await caller.chat(Chat(name)).isWhole)
                        #expect(try await call.reply().isWhole)
                    }
                }
            }
        }

        @Test("a revoked key is refused at once, on connections that are open too", arguments: Door.allCases)
        func revokes(door: Door) async throws {
            try await Stack.run { stack in
                let caller = try await door.connect(stack, key: stack.keys.foreign)
                defer { caller.close() }
                #expect(try await caller.chat(Chat("echo")).isWhole)
                #expect(stack.configuration.contains(#"id: "foreign""#))
                let without = stack.configuration.split(separator: "\n", omittingEmptySubsequences: false).filter {
                    !$0.contains(#"id: "foreign""#)
                }
                try Data(without.joined(separator: "\n").utf8).write(to: stack.configurationFile)
                stack.gateway.kill(SIGHUP)
                _ = try await stack.gateway.errorLine(containing: "configuration reloaded")
                #expect(try await caller.chat(Chat("echo")).fault?.told == Documented.unauthenticated.told(by: door))
            }
        }

        @Test("who connects and says nothing, or not enough, is let go")
        func silentClients() async throws {
            try await Stack.run(slowRequestTimeout: "1s") { stack in
                let hello = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n"
                for (port, bytes) in [
                    (stack.tlsPort, ""), (stack.tlsPort, "\u{16}\u{3}\u{1}"), (stack.httpPort, ""), (stack.httpPort, hello),
                ] {
                    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                        .connect(host: "127.0.0.1", port: port).get()
                    // On a busy machine its time may be up before it has said anything.
                    try? await channel.writeAndFlush(ByteBuffer(string: bytes))
                    try await channel.closeFuture.within("the end of a connection that said \(bytes.debugDescription)")
                }
            }
        }

        @Test("check and serve refuse a bad file with line, key and remedy, and status 78")
        func refusesBadFile() async throws {
            let keys = try await Keys.shared
            try await withTemporaryDirectory { directory in
                let file = directory.appendingPathComponent("gateway.yaml")
                let good = GatewayFile(providerURL: "http://127.0.0.1:9", keys: keys).text
                try Data(good.utf8).write(to: file)
                let check = ["check", "--config", file.path]
                let accepted = try await ProductProcess.runToEnd("agentshield", arguments: check, environment: Keys.environment)
                #expect(accepted.status == .exited(0))
                #expect(accepted.output.contains("good"))

                let withoutPepper = try await ProductProcess.runToEnd(
                    "agentshield", arguments: check, environment: ["AGENTSHIELD_PEPPER": ""])
                #expect(withoutPepper.status == .exited(78))
                #expect(withoutPepper.errorOutput.contains("AGENTSHIELD_PEPPER"))

                let bad = good.replacing("limits: {requests_per_minute: 6000000", with: "limits: {request_per_minute: 6000000")
                let line =
                    1
                    + good.prefix(upTo: try #require(good.firstRange(of: "limits: {requests_per_minute: 6000000")).lowerBound).count {
                        $0 == "\n"
                    }
                try Data(bad.utf8).write(to: file)
                for command in ["check", "serve"] {
                    let refused = try await ProductProcess.runToEnd(
                        "agentshield", arguments: [command, "--config", file.path], environment: Keys.environment)
                    #expect(refused.status == .exited(78))
                    #expect(refused.errorOutput.contains("\(file.path):\(line):"))
                    #expect(refused.errorOutput.contains("request_per_minute"))
                    #expect(refused.errorOutput.contains("requests_per_minute"), "the remedy names the key that was meant")
                    #expect(!refused.errorOutput.contains("listening"))
                }
            }
        }
    }
}
