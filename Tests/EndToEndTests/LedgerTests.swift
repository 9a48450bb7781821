import Foundation
import ProcessSupport
import Testing

extension EndToEndTests {
    @Suite("the ledger", .timeLimit(.minutes(4)))
    struct LedgerTests {
        private static func command(_ arguments: String...) async throws -> (
            status: ProductProcess.ExitStatus, output: String, error: String
        ) {
            let run = try await ProductProcess.runToEnd("agentshield", arguments: ["ledger"] + arguments, environment: Keys.environment)
            return (run.status, run.output, run.errorOutput)
        }

        @Test("what both doors answered outlives a killed process, is exported, verified, and shown as a receipt to its own tenant")
        func survives() async throws {
            try await withTemporaryDirectory { directory in
                let file = directory.appendingPathComponent("ledger.sqlite").path
                let extra = "ledger: {file: \"\(file)\"}\n"
                let ids = try await Stack.run(extra: extra) { stack in
                    var ids: [String] = []
                    for door in Door.allCases {
                        let caller = try await door.connect(stack, key: stack.keys.main)
                        defer { caller.close() }
                        for chat in [Chat("echo"), Chat("say:5", streamed: true), Chat("memo"), Chat("memo")] {
                            let reply = try await caller.chat(chat)
                            #expect(reply.isWhole)
                            ids.append(try #require(reply.requestID))
                        }
                    }
                    stack.gateway.kill(SIGKILL)
                    #expect(await stack.gateway.waitForExit() == .signalled(SIGKILL))
                    try stack.removeAuthority()
                    return ids
                }
                let exported = try await Self.command("export", "--file", file, "--format", "jsonl", "--tenant", "acme")
                let rows = try exported.output.split(separator: "\n").map { try JSON(String($0)) }
                #expect(exported.status == .exited(0))
                #expect(rows.compactMap { $0.string("id") } == ids)
                #expect(rows.allSatisfy { $0.string("outcome") == "answered" })
                #expect(rows.map { $0.int("sequence") } == Array(1...8))
                #expect(rows.filter { $0.string("cache") == "hit" }.count == 2)

                let csv = try await Self.command("export", "--file", file, "--since", "2020-01-01", "--until", "2021-01-01T00:00:00Z")
                #expect(csv.output.split(separator: "\r\n").count == 1 && csv.output.hasPrefix("sequence,kind,id,"))
                #expect(try await Self.command("tail", "-n", "2", "--file", file).output.split(separator: "\n").count == 2)
                let good = try await Self.command("verify", "--file", file)
                #expect(good.status == .exited(0) && good.output.contains("tenant acme: 8 rows, good"))
                #expect(try await Self.command("verify", "--file", file + ".none").status == .exited(69))

                try await Stack.run(extra: extra) { stack in
                    func receipt(key: String, _ id: String) async throws -> (Int, JSON) {
                        let caller = try await HTTPCaller.connect(stack, key: key)
                        defer { caller.close() }
                        let response = try await caller.send("GET", "/v1/receipts/\(id)", headers: [("authorization", "Bearer \(key)")])
                        return (response.status, try JSON(response.body))
                    }
                    let found = try await receipt(key: stack.keys.main, ids[1])
                    #expect(found.0 == 200 && found.1.string("id") == ids[1] && found.1.int("usage.output_tokens") == 5)
                    #expect(try await receipt(key: stack.keys.foreign, ids[1]).0 == 404)
                }

                let other = try await ProductProcess.runToEnd(
                    "agentshield", arguments: ["ledger", "verify", "--file", file],
                    environment: ["AGENTSHIELD_PEPPER": "another-pepper-of-thirty-two-bytes"])
                #expect(other.status == .exited(65) && other.errorOutput.contains("tenant acme: row 1 does not have the hash"))
            }
        }

        @Test("a ledger that was begun under another key, and a file that is none, keep the program from starting")
        func refusesToStart() async throws {
            try await withTemporaryDirectory { directory in
                let file = directory.appendingPathComponent("ledger.sqlite").path
                try Data("something else, long enough to be looked at".utf8).write(to: URL(fileURLWithPath: file))
                let keys = try await Keys.shared
                let configuration = directory.appendingPathComponent("gateway.yaml")
                let text = GatewayFile(providerURL: "http://127.0.0.1:1", keys: keys).text + "ledger: {file: ledger.sqlite}\n"
                try Data(text.utf8).write(to: configuration)
                let run = try await ProductProcess.runToEnd(
                    "agentshield", arguments: ["serve", "--config", configuration.path], environment: Keys.environment)
                #expect(run.status == .exited(69) && run.errorOutput.contains("ledger.file"))
            }
        }
    }
}
