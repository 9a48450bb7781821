import AgentShield
import Foundation
import ProcessSupport
import Testing

extension EndToEndTests {
    @Suite("commands about arbitrated names", .timeLimit(.minutes(6)))
    struct ArbitrageCommandTests {
        private static let models = """
              - {name: cheap, provider: scripted, upstream_name: "knows:easy", price: {input: 0.1, output: 0.4}}
              - {name: dear, provider: scripted, upstream_name: "knows:all", price: {input: 10, output: 40}}

            """
        private static let aliases = """
              - {name: auto, arbitrage: {arms: [cheap, dear], lambda: 0.1, explore: {share: 1}, seed: 3}}
              - {name: chance, arbitrage: {arms: [cheap, dear], policy: weighted}}

            """

        private static func arbitrage(_ arguments: [String]) async throws -> (
            status: ProductProcess.ExitStatus, output: String, error: String
        ) {
            let run = try await ProductProcess.runToEnd("agentshield", arguments: ["arbitrage"] + arguments, environment: Keys.environment)
            return (run.status, run.output, run.errorOutput)
        }

        @Test(
            "a receipt is explained from the ledger's file, the ledger is evaluated and summed up, by name and by time, while the gateway runs"
        )
        func ledger() async throws {
            try await withTemporaryDirectory { directory in
                let file = directory.appendingPathComponent("ledger.sqlite").path
                try await Stack.run(
                    extra: "ledger: {file: \"\(file)\"}\n",
                    configure: { text, _ in
                        text.replacing("models:\n", with: "models:\n" + Self.models, maxReplacements: 1)
                            .replacing("aliases:\n", with: "aliases:\n" + Self.aliases, maxReplacements: 1)
                    }
                ) { stack in
                    var settings = AgentShieldClient.Configuration(
                        address: Address(host: "localhost", port: stack.tlsPort), apiKey: stack.keys.main)
                    settings.trust = .file(stack.authority)
                    let client = try AgentShieldClient(configuration: settings)
                    var receipts: [String] = []
                    for number in 0..<24 {
                        let name = number < 16 ? "auto" : "chance"
                        let answer = try await client.chat(ChatRequest(model: name, prompt: "an easy question of number \(number)"))
                        receipts.append(answer.summary.receiptID)
                        if number % 2 == 0 { try await client.feedback(answer.summary.receiptID, score: 1) }
                    }
                    let plain = try await client.chat(ChatRequest(model: "echo", prompt: "hello")).summary.receiptID
                    await client.shutdown()
                    try await until("all rows are there") {
                        let told = try await Self.arbitrage(["status", "--file", file, "--json"]).output
                        return told.contains("\"calls\":16") && told.contains("\"calls\":8")
                    }
                    try await Self.explains(file, receipts, plain)
                    try await Self.evaluates(file)
                    try await Self.sumsUp(file)
                }
            }
        }

        private static func explains(_ file: String, _ receipts: [String], _ plain: String) async throws {
            let told = try await arbitrage(["explain", receipts[0], "--file", file])
            #expect(told.status == .exited(0), "\(told)")
            for word in [
                receipts[0], "of tenant acme, for auto", "said of", "feedback=1", "policy thompson", "cheap", "dear",
                "decision is the same",
            ] {
                #expect(told.output.contains(word), "\(told.output)")
            }
            let own = try await arbitrage(["explain", receipts[23], "--file", file, "--tenant", "acme"])
            #expect(own.status == .exited(0) && own.output.contains("policy weighted"), "\(own)")
            for (arguments, status, word) in [
                ([receipts[0], "--tenant", "umbrella"], 66, "no receipt"), ([plain], 66, "nothing was decided"),
                (["req_1"], 64, "no receipt"),
                (["req_00000000000000000000000000000001"], 66, "no receipt"), ([receipts[0], "--record", "/no/such"], 64, "exclude"),
            ] as [([String], Int32, String)] {
                let refused = try await arbitrage(["explain"] + arguments + ["--file", file])
                #expect(refused.status == .exited(status) && refused.error.contains(word), "\(arguments): \(refused)")
            }
            #expect(try await arbitrage(["explain", receipts[0], "--file", file + ".none"]).status == .exited(69))
        }

        private static func evaluates(_ file: String) async throws {
            let told = try await arbitrage(["evaluate", "--ledger", "--file", file, "--route", "chance", "--policy", "fixed:cheap"])
            #expect(told.status == .exited(0) && told.output.contains("4 decisions"), "\(told)")
            #expect(told.output.contains("fixed:cheap") && told.output.contains("4 more have no sign"), "\(told)")
            let lines = try await arbitrage(["evaluate", "--ledger", "--file", file, "--json"]).output.split(separator: "\n")
            let objects = try lines.map { try JSON(String($0)) }
            #expect(objects.map { $0.string("policy") } == ["recorded", "best", "cheapest", "uniform"])
            #expect(
                objects.first?.int("decisions") == 12 && objects.allSatisfy { $0.has("ips") && $0.has("snips") && $0.has("doubly_robust") })
            for arguments in [["--ledger", "--file", file, "--until", "2020-01-01"], ["--ledger", "--file", file, "--route", "nobody"]] {
                let nothing = try await arbitrage(["evaluate"] + arguments)
                #expect(nothing.status == .exited(65) && nothing.error.contains("no decision"), "\(nothing)")
            }
            for arguments in [["--file", file], ["--ledger", "--records", file], ["--route", "auto"]] {
                #expect(try await arbitrage(["evaluate"] + arguments).status == .exited(64), "\(arguments)")
            }
        }

        private static func sumsUp(_ file: String) async throws {
            let told = try await arbitrage(["status", "--file", file])
            #expect(
                told.status == .exited(0) && told.output.contains("auto: 16 calls") && told.output.contains("chance: 8 calls"), "\(told)")
            #expect(
                told.output.contains("always the dearest") && told.output.contains("always the best") && told.output.contains("█"),
                "\(told)")
            let one = try await arbitrage(["status", "--file", file, "--route", "auto", "--json"]).output.split(separator: "\n")
            let object = try JSON(String(try #require(one.first)))
            #expect(one.count == 1 && object.string("route") == "auto" && object.has("timeline") && object.has("arms"))
            let none = try await arbitrage(["status", "--file", file, "--since", "2020-01-01", "--until", "2020-01-02"])
            #expect(none.status == .exited(0) && none.output.contains("no arbitrated request"))
            #expect(
                try await arbitrage(["status", "--file", file, "--since", "2020-01-02", "--until", "2020-01-01"]).status == .exited(64))
        }
    }
}
