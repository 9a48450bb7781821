import Foundation
import NIOHTTP1
import ProcessSupport
import RedisStore
import Testing

extension ReplicaTests {
    @Suite("decisions in PostgreSQL", .timeLimit(.minutes(5)))
    struct ArbitrageLedgerTests {
        @Test("are explained by a receipt, evaluated and summed up from the database that they travel to")
        func commands() async throws {
            try await withTemporaryDirectory { directory in
                try await StoreKind.postgresql.with(in: directory, environment: ["AGENTSHIELD_PEPPER": Replicas.pepper]) { store in
                    try await RedisProcess.run { redis in
                        var setup = Replicas.Setup(count: 1, redis: redis.url, store: store)
                        setup.models = [
                            #"- {name: cheap, provider: scripted, upstream_name: "knows:easy", price: {input: 0.1, output: 0.4}}"#,
                            #"- {name: dear, provider: scripted, upstream_name: "knows:all", price: {input: 10, output: 40}}"#,
                        ]
                        setup.sections = """
                            aliases:
                              - {name: auto, arbitrage: {arms: [cheap, dear], policy: weighted, rewards: {retry: 0}}}
                            """
                        try await Replicas.run(setup) { replicas in try await Self.ask(replicas, store) }
                    }
                }
            }
        }

        private static func ask(_ replicas: Replicas, _ store: StoreCommands) async throws {
            func arbitrage(_ arguments: String...) async throws -> (status: ProductProcess.ExitStatus, output: String) {
                let run = try await ProductProcess.runToEnd(
                    "agentshield", arguments: ["arbitrage"] + arguments, environment: store.environment)
                return (run.status, run.output + run.errorOutput)
            }
            let connection = try await replicas.connect(0)
            defer { connection.close() }
            var receipts: [String] = []
            for number in 0..<10 {
                let answer = try await connection.chat("auto", "an easy question of number \(number)")
                #expect(answer.status == 200)
                receipts.append(try #require(answer.headers.first(name: "x-request-id")))
            }
            for receipt in receipts {
                try await until("feedback is taken") {
                    try await connection.post("/v1/feedback", #"{"receipt":"\#(receipt)","score":1}"#).status == 200
                }
            }
            try await until("all rows are in PostgreSQL") {
                let told = try await arbitrage("evaluate", "--ledger", "--route", "auto", "--policy", "recorded")
                return told.status == .exited(0) && told.output.contains("10 decisions")
            }
            let told = try await arbitrage("explain", receipts[4])
            #expect(told.status == .exited(0) && told.output.contains("feedback=1") && told.output.contains("policy weighted"), "\(told)")
            let unknown = try await arbitrage("explain", "req_00000000000000000000000000000001")
            #expect(unknown.status == .exited(66), "\(unknown)")
            let status = try await arbitrage("status")
            #expect(status.status == .exited(0) && status.output.contains("auto: 10 calls"), "\(status)")
        }
    }
}
