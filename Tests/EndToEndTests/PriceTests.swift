import Foundation
import ProcessSupport
import Testing

extension EndToEndTests {
    @Suite("prices", .timeLimit(.minutes(3)))
    struct PriceTests {
        private static func withoutCeiling(_ text: String) -> String {
            text.replacing("prices: {unknown: ceiling, ceiling: {input: 1, output: 4}}\n", with: "")
        }

        @Test(
            "a model without a price is refused through both doors, until its price is imported, which every replica takes in",
            arguments: StoreKind.allCases)
        func imports(kind: StoreKind) async throws {
            try await Replicas.run(2, over: kind, configure: { text, _ in Self.withoutCeiling(text) }) { replicas in
                func ask(_ stack: Stack, _ door: Door, _ model: String = "echo") async throws -> Reply {
                    try await door.withCaller(stack) { try await $0.chat(Chat(model)) }
                }
                for stack in replicas.stacks {
                    for door in Door.allCases {
                        // The alias' first model has none either; a fallback without one is reason enough.
                        for model in ["echo", "rescued-fail-500"] {
                            let fault = try await ask(stack, door, model).fault
                            #expect(fault?.told == Documented.priceUnknown.told(by: door))
                            #expect(fault?.message.contains("agentshield prices import") == true)
                        }
                    }
                }
                let folder = replicas.store.folder
                func write(_ name: String, _ lines: String...) throws -> String {
                    let file = folder.appendingPathComponent(name)
                    try Data((["provider,model,effective_from,input,output"] + lines).joined(separator: "\n").utf8).write(to: file)
                    return file.path
                }
                let good = try write("good.csv", "scripted,echo,2020-01-01,3,12", "scripted,echo,2020-02-01,2,8")
                #expect(try await replicas.store.must("prices", "import", good).contains("2 prices added, 0 replaced, 0 there already"))
                #expect(try await replicas.store.must("prices", "import", good).contains("0 prices added, 0 replaced, 2 there already"))
                for stack in replicas.stacks {
                    for door in Door.allCases { try await until("the price at \(door)") { try await ask(stack, door).isWhole } }
                }
                let stack = replicas.stacks[1]
                let receipt = try await Self.receipt(of: try #require(ask(stack, .http).requestID), stack)
                #expect(receipt.string("price_version") == "imported:2020-02-01:2000000000,2000000000,2000000000,8000000000")

                let other = try write("other.csv", "scripted,new,2020-01-01,1,1", "scripted,echo,2020-02-01,2,9")
                let refused = try await replicas.store.run("prices", "import", other)
                #expect(refused.status == .exited(65) && refused.errorOutput.contains("line 3 overlaps"))
                let bad = try write("bad.csv", "scripted,new,2020-01-01,1,1", "scripted,echo,2020-02-01,-2,9")
                #expect(try await replicas.store.run("prices", "import", bad).errorOutput.contains("line 3 has a negative `input`"))
                #expect(try await replicas.store.must("prices", "import", other, "--replace").contains("1 prices added, 1 replaced"))
                let shown = try await replicas.store.must("prices", "show", "echo", "--json", "--at", "2020-02-02")
                #expect(try JSON(shown).int("output") == 9_000_000_000 && JSON(shown).string("source") == "imported")
                #expect(try await replicas.store.must("prices", "show", "echo", "--at", "2020-01-02").contains("3.00"))
                #expect(try await replicas.store.run("prices", "show", "echo", "--at", "2019-01-02").status == .exited(66))
                #expect(try await replicas.store.must("prices", "list").contains("openai  gpt-4o-mini  0.15  0.075  0.15  0.60  shipped"))
            }
        }

        @Test("a past bill is reckoned again to the nano-USD, also after the prices have changed")
        func reprices() async throws {
            try await withTemporaryDirectory { directory in
                let file = directory.appendingPathComponent("ledger.sqlite").path
                try await Stack.run(extra: "ledger: {file: \"\(file)\"}\n") { stack in
                    func ask() async throws {
                        for door in Door.allCases {
                            try await door.withCaller(stack) { caller in
                                for chat in [Chat("echo"), Chat("say:7", streamed: true), Chat("memo"), Chat("fail-500")] {
                                    _ = try await caller.chat(chat)
                                }
                            }
                        }
                    }
                    try await ask()
                    let dearer = stack.configuration.replacing("{input: 1, output: 4}", with: "{input: 7.000000001, output: 0.3}")
                    try Data(dearer.utf8).write(to: stack.configurationFile)
                    stack.gateway.kill(SIGHUP)
                    try await until("the new prices") {
                        try await ask()
                        return try await Self.export(file).contains("ceiling:7000000001,")
                    }
                }
                let run = try await ProductProcess.runToEnd(
                    "agentshield", arguments: ["ledger", "reprice", "--file", file, "--since", "2020-01-01"], environment: Keys.environment)
                #expect(run.status == .exited(0) && run.output.contains("difference 0 nano-USD"), "\(run)")
                #expect(!run.output.contains("charged 0 nano-USD"))
            }
        }

        private static func export(_ file: String) async throws -> String {
            try await ProductProcess.runToEnd(
                "agentshield", arguments: ["ledger", "export", "--file", file], environment: Keys.environment
            ).output
        }

        private static func receipt(of id: String, _ stack: Stack) async throws -> JSON {
            let caller = try await HTTPCaller.connect(stack, key: stack.keys.main)
            defer { caller.close() }
            let response = try await caller.send(
                "GET", "/v1/receipts/\(id)", headers: [("authorization", "Bearer \(stack.keys.main)")])
            return try JSON(response.body)
        }
    }
}
