import ArgumentParser
import Foundation
import NIOCore

/// The gate against costs that creep in: counts, which a busy machine does not change.
struct CostsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "costs",
        abstract: "Counts heap allocations and instructions of a governed request, and holds them against the committed ones.",
        discussion: """
            Prints "ok NAME" or "not ok NAME" for each count. One that is over its limit fails, and so does one that is clearly under: run it with --record, \
            and commit the gain. Allocations are counted by a preloaded library, instructions by valgrind's callgrind, which never runs AVX-512.
            """)

    @OptionGroup var options: BenchOptions

    @Option(name: .long, help: "The committed counts.")
    var file = "Tests/Support/GatewayBench/costs.json"

    @Flag(name: .long, help: "Write what is counted into the file.")
    var record = false

    @Flag(name: .long, help: "Allocations only.")
    var allocationsOnly = false

    /// A build of one kind is held against its own counts.
    private static var build: String { BenchMachine.current().build }

    func run() async throws {
        let committed = try JSONDecoder().decode([String: [String: Double]].self, from: Data(contentsOf: URL(fileURLWithPath: file)))
        var counted: [String: Double] = [:]
        try await options.run { folders, loop in
            let upstream = try UpstreamServer(folders)
            defer { upstream.process.stop() }
            for (name, count) in try await Self.allocations(folders, upstream, loop) { counted[name] = count }
            guard !allocationsOnly else { return }
            for (name, count) in try await InstructionCounts(folders: folders, upstream: upstream, loop: loop).all() {
                counted[name] = count
            }
        }
        if record {
            var all = committed
            all[Self.build] = counted.mapValues { ($0 * 100).rounded() / 100 }
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            try (try encoder.encode(all) + Data("\n".utf8)).write(to: URL(fileURLWithPath: file))
        }
        let limits = record ? counted : committed[Self.build] ?? [:]
        let verdicts = counted.sorted { $0.key < $1.key }.map { CostVerdict($0.key, counted: $0.value, committed: limits[$0.key]) }
        for verdict in verdicts { print(verdict.text) }
        if !verdicts.allSatisfy(\.isGood) { throw ExitCode.failure }
    }

    private static func allocations(
        _ folders: BenchFolders, _ upstream: UpstreamServer, _ loop: any EventLoop
    ) async throws -> [(String, Double)] {
        let doors = [LoadTarget.Door.wire, .https, .http]
        var counts: [(String, Double)] = []
        func gateway(_ setup: GatewaySetup) throws -> GatewayServer {
            var counting = setup
            counting.countsAllocations = true
            return try GatewayServer(folders, counting, upstream: upstream)
        }
        func countInMemory() async throws {
            let gateway = try gateway(GatewaySetup())
            defer { gateway.process.stop() }
            for door in doors {
                BenchOptions.tell("allocations, \(door.name), in memory")
                let count = try await AllocationCounts.count(gateway, door, requests: 300, inFlight: 1, on: loop)
                counts += [
                    ("allocations of a request, \(door.name), in memory", count.perRequest),
                    ("allocations of a streamed delta, \(door.name)", count.perDelta),
                    ("allocations held by an idle connection, \(door.name)", count.heldBlocks),
                    ("bytes held by an idle connection, \(door.name)", count.heldBytes),
                ]
            }
        }
        // Streams and connections do not depend on where limits and ledger are.
        func countWithRedis(_ governance: GatewaySetup.Governance) async throws {
            let gateway = try gateway(GatewaySetup(governance: governance))
            defer { gateway.process.stop() }
            for door in doors {
                BenchOptions.tell("allocations, \(door.name), Redis")
                let count = try await AllocationCounts.perRequest(
                    gateway, door, "memo", .unique, isStreamed: false, requests: 300, inFlight: 1, on: loop)
                counts.append(("allocations of a request, \(door.name), Redis", count))
            }
        }
        try await countInMemory()
        let redis = try RedisServer(folders)
        defer { redis.process.stop() }
        let database = try await LedgerDatabase(folders)
        do {
            try await countWithRedis(.production(redis: redis.url, database: database.url))
        } catch {
            await database.stop()
            throw error
        }
        await database.stop()
        return counts
    }
}

/// A count beside the committed one.
struct CostVerdict: Equatable {
    enum Finding: Equatable {
        case holds
        case over
        case under
        case unknown
    }

    var name: String
    var counted: Double
    var committed: Double?

    init(_ name: String, counted: Double, committed: Double?) {
        self.name = name
        self.counted = counted
        self.committed = committed
    }

    /// Above it, a count has grown; below its counterpart, a gain wants to be recorded. Counts of a few move by fractions from run to run.
    static let (over, under, absolute) = (1.05, 0.93, 0.5)
    /// With Redis the ledger's mover works beside the requests: how often it finds a record or two, and how often many, depends on the machine.
    static let (overWithMover, underWithMover) = (1.25, 0.75)

    private var hasMover: Bool { name.hasSuffix(", Redis") }

    var finding: Finding {
        guard let committed else { return .unknown }
        if counted > committed * (hasMover ? Self.overWithMover : Self.over) + Self.absolute { return .over }
        if counted < committed * (hasMover ? Self.underWithMover : Self.under) - Self.absolute { return .under }
        return .holds
    }

    var isGood: Bool { finding == .holds }

    var text: String {
        let figures = "\(Markdown.number(counted, 2)), committed: \(Markdown.number(committed, 2))"
        switch finding {
        case .holds: return "ok \(name) (\(figures))"
        case .over:
            return "not ok \(name) (\(figures)): more than before; mend it, or say in the commit why and run Scripts/check-costs --record"
        case .under: return "not ok \(name) (\(figures)): a gain; keep it with Scripts/check-costs --record"
        case .unknown: return "not ok \(name) (\(Markdown.number(counted, 2))): no count is committed; Scripts/check-costs --record"
        }
    }
}

/// Instructions of requests under callgrind: what a run with more of a kind takes beyond one without.
struct InstructionCounts {
    let folders: BenchFolders
    let upstream: UpstreamServer
    let loop: any EventLoop

    private static let requests = 200

    private enum Kind: CaseIterable {
        case wire
        case http
        case streamed

        var name: String {
            switch self {
            case .wire: "instructions of a request, wire"
            case .http: "instructions of a request, HTTP"
            case .streamed: "instructions of a stream of 80 deltas, wire"
            }
        }
    }

    func all() async throws -> [(String, Double)] {
        let base = try await instructions(nil)
        var counts: [(String, Double)] = []
        for kind in Kind.allCases {
            counts.append((kind.name, (try await instructions(kind) - base) / Double(Self.requests)))
        }
        return counts
    }

    /// Of a whole run, from the start to the end, with a few requests of each kind and `requests` more of one.
    private func instructions(_ kind: Kind?) async throws -> Double {
        BenchOptions.tell("instructions\(kind.map { ", \($0.name)" } ?? "")")
        // Debian's valgrind cannot read Swift's debugging information.
        let program = folders.work.appendingPathComponent("agentshield-stripped")
        if !FileManager.default.fileExists(atPath: program.path) {
            _ = try Command.output(Command.find("strip"), ["--strip-debug", "-o", program.path, folders.program.path])
            // Its read-only models stand beside it.
            let models = "agentshield_AgentShieldGateway.resources"
            try FileManager.default.copyItem(
                at: folders.program.deletingLastPathComponent().appendingPathComponent(models),
                to: folders.work.appendingPathComponent(models))
        }
        let profile = folders.work.appendingPathComponent("profile-\(UUID().uuidString)")
        var setup = GatewaySetup()
        setup.wrapper = [try Command.find("valgrind").path, "--tool=callgrind", "--callgrind-out-file=\(profile.path)"]
        setup.preloaded = try PreloadedLibrary("suspend", folders).path
        var own = folders
        own.executable = program
        let gateway = try GatewayServer(own, setup, upstream: upstream)
        defer { gateway.process.stop() }
        for each in Kind.allCases {
            try await send(30 + (each == kind ? Self.requests : 0), each, gateway)
        }
        gateway.process.stop(within: 60)
        let text = try String(contentsOf: profile, encoding: .utf8)
        let total = text.split(separator: "\n").last { $0.hasPrefix("totals:") || $0.hasPrefix("summary:") }
        guard let count = total?.split(separator: " ").last.flatMap({ Double($0) }), count > 0 else {
            throw BenchFailure(description: "callgrind wrote no total")
        }
        return count
    }

    /// One after the other.
    private func send(_ count: Int, _ kind: Kind, _ gateway: GatewayServer) async throws {
        var plan = LoadPlan(
            target: gateway.target(kind == .http ? .http : .wire), model: kind == .streamed ? "bench:80" : "memo",
            prompts: kind == .streamed ? .same : .unique, isStreamed: kind == .streamed, pace: .closed, inFlight: 1,
            streamsPerConnection: 1,
            warmUp: .zero, duration: .seconds(300))
        plan.requests = count
        let result = try await LoadRun.run(plan, on: loop)
        guard result.answered >= count, result.failed + result.shed == 0 else {
            throw BenchFailure(description: "under callgrind \(result.answered) of \(count) were answered: \(result.firstFailure ?? "")")
        }
    }
}
