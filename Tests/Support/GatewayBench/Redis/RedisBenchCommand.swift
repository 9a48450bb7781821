import ArgumentParser
import Foundation
import GatewayCore
import NIOCore
import NIOPosix
import ProcessSupport
import RedisStore

struct RedisBenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "redis",
        abstract: "Measures what a request costs Redis: the scripts that admit it and settle it, with and without wallets and a record.",
        discussion: """
            Starts a redis-server of its own, without persistence, and runs the gateway's own scripts on it. The times are Redis' own, of its one thread \
            (INFO commandstats): what is told is what a request takes away from all others, not how long it waits.
            """)

    @Option(name: .long, help: "Requests of each kind.")
    var requests = 20_000

    func run() async throws {
        try await withTemporaryDirectory { directory in
            let port = try FreePort.find()
            let arguments = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", directory.path]
            try await ProductProcess.run(
                executable: try Self.server(), arguments: arguments, ready: .outputContaining("Ready to accept connections"),
                stopTimeout: .zero
            ) { _, _ in
                let loop = MultiThreadedEventLoopGroup.singleton.next()
                var options = RedisOptions(address: RedisAddress(host: "127.0.0.1", port: port))
                options.limits.breaker.slowAfter = .seconds(60)
                let fixed = options
                let client = try await loop.submit { NIOLoopBound(RedisClient(options: fixed, eventLoop: loop), eventLoop: loop) }.get()
                let bench = RedisBench(client: client, requests: max(100, requests))
                print("| a request with | admission, µs | settlement, µs | together |\n|---|--:|--:|--:|")
                // Once for nothing: scripts are loaded and memory is taken.
                for isWarmUp in [true, false] {
                    for load in RedisBench.Load.all {
                        let (admission, settlement) = try await bench.measure(load)
                        guard !isWarmUp else { continue }
                        let figures = [admission, settlement, admission + settlement].map { String(format: "%.1f", $0) }
                        print("| \(load.name) | \(figures.joined(separator: " | ")) |")
                    }
                }
                try await loop.submit { client.value.close() }.get()
            }
        }
    }

    private static func server() throws -> URL {
        let programs = ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"].map { "\($0)/redis-server" }
        guard let program = programs.first(where: FileManager.default.isExecutableFile) else {
            throw BenchFailure(description: "redis-server is not installed: Scripts/install-dependencies --test")
        }
        return URL(fileURLWithPath: program)
    }
}

/// Many requests, first all admissions, then all settlements.
private struct RedisBench {
    /// What a request asks of Redis.
    struct Load {
        var name: String
        var hasRecord = false
        /// Of tenant, department and user, how many are charged.
        var wallets = 0
        /// Whether what it may cost is reserved.
        var isHeld = false

        static let all = [
            Load(name: "limits of requests, tokens and requests under way"),
            Load(name: "and a record", hasRecord: true),
            Load(name: "and a record, the tenant's wallet charged", hasRecord: true, wallets: 1),
            Load(name: "and a record, three wallets charged", hasRecord: true, wallets: 3),
            Load(name: "and a record, a budget of the tenant: reserved and settled", hasRecord: true, wallets: 1, isHeld: true),
            Load(name: "and a record, budgets of all three levels: reserved and settled", hasRecord: true, wallets: 3, isHeld: true),
        ]
    }

    let client: NIOLoopBound<RedisClient>
    let requests: Int

    private static let tenant = "acme"
    private static let bucket = RedisKey.bucket(of: tenant)
    private static let time = SpendingTime(unixMilliseconds: 1_796_040_000_000)
    private static let limit = RateLimit(permits: 1_000_000, periodNanoseconds: 1_000_000_000, burst: 1_000_000)
    /// About as long as a request's.
    private static let record = [UInt8](repeating: 0x61, count: 400)
    private static let rates = [RedisKey.rate(tenant: tenant, .key("k"), .requests), .rate(tenant: tenant, .key("k"), .tokens)]
    private static let cap = RedisKey.leases(tenant: tenant, .key("k"))

    /// - Returns: microseconds of Redis' thread for each admission and each settlement.
    func measure(_ load: Load) async throws -> (admission: Double, settlement: Double) {
        _ = try await send([RedisCommand("FLUSHALL")])
        let subjects = [BudgetSubject.tenant, .department("sales"), .user("ana")].prefix(load.wallets)
        let wallets = subjects.map { RedisKey.wallet(tenant: Self.tenant, $0) }
        let admission = try await microseconds { number in
            var command = RedisCommand([])
            var admission = RedisAdmission(
                rates: Self.rates.map { .init(key: $0, demand: RateDemand(limit: Self.limit, permits: 1)) },
                caps: [.init(key: Self.cap, limit: 1_000_000)], holder: Self.holder(number))
            if load.isHeld {
                let demand = WalletHold(
                    wallets: wallets.map(\.name), limits: wallets.map { _ in BudgetSet(day: 1 << 50, month: 1 << 50, total: 1 << 50) },
                    bound: 1_000,
                    time: Self.time, milliseconds: 600_000, record: Self.record)
                admission.hold = .init(bucket: Self.bucket, keys: wallets, demand: demand)
            }
            admission.encode(into: &command)
            return command
        }
        let settlement = try await microseconds { number in
            var command = RedisCommand([])
            var settlement = RedisSettlement(
                corrections: [.init(key: Self.rates[1], limit: Self.limit, permits: 5)], leases: [Self.cap], holder: Self.holder(number))
            if load.hasRecord { settlement.entry = .init(stream: LedgerStream(bucket: Self.bucket), bytes: Self.record) }
            if !wallets.isEmpty {
                settlement.charge = .init(
                    load.isHeld ? .held : .direct, bucket: Self.bucket, wallets: wallets, nanoUSD: 700, time: Self.time)
            }
            settlement.encode(into: &command)
            return command
        }
        return (admission, settlement)
    }

    /// As long as a request's id.
    private static func holder(_ number: Int) -> String { "req_" + String(format: "%032d", number) }

    private func microseconds(_ command: (Int) -> RedisCommand) async throws -> Double {
        _ = try await send([RedisCommand("CONFIG", "RESETSTAT")])
        for start in stride(from: 0, to: requests, by: 50) { _ = try await send((start..<min(requests, start + 50)).map(command)) }
        let text = try await send([RedisCommand("INFO", "commandstats")]).first?.value.string ?? ""
        // cmdstat_evalsha:calls=20000,usec=…,usec_per_call=…
        var (calls, microseconds) = (0.0, 0.0)
        for line in text.split(separator: "\r\n") where line.hasPrefix("cmdstat_eval") {
            for field in line.split(separator: ":").last?.split(separator: ",") ?? [] {
                let parts = field.split(separator: "=")
                if parts.first == "calls" { calls += Double(parts.last ?? "") ?? 0 }
                if parts.first == "usec" { microseconds += Double(parts.last ?? "") ?? 0 }
            }
        }
        guard calls >= Double(requests) else { throw BenchFailure(description: "Redis counted \(calls) scripts of \(requests)") }
        return microseconds / calls
    }

    /// All at once, in one pipeline.
    private func send(_ commands: [RedisCommand]) async throws -> [RedisReply] {
        let client = client
        return try await client.eventLoop.flatSubmit {
            EventLoopFuture.whenAllSucceed(commands.map { client.value.send($0, timeout: .seconds(60)) }, on: client.eventLoop)
        }.get()
    }
}
