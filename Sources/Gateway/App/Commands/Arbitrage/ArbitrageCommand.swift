import ArgumentParser
import Foundation
import GatewayCore

struct ArbitrageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "arbitrage", abstract: "What the choice of models saves, and what it costs in quality.",
        subcommands: [Simulate.self, Evaluate.self, Explain.self, Status.self])

    struct Simulate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "simulate",
            abstract: "Replays prompts, for which every model's quality is known, through policies that see only what they choose.",
            discussion: """
                The data has a line of JSON per prompt, {"prompt": …, "scores": {model: quality in 0…1}}; the file of prices is \
                {model: {"input_usd_per_mtok": …, "output_usd_per_mtok": …, "strength": quality that is published, optional}}; a strength that is not there is \
                taken from the shipped model of strengths. Models without a price, or with scores of fewer than half of the prompts, are left out, and then \
                prompts that lack a score; standard error says so. Each seed has its own order and its own chance. Ends with status 64 for wrong arguments, 65 for wrong data, 66 for files that cannot be read.
                """)

        @Option(name: .long, help: "The file of prompts and qualities.")
        var data: String

        @Option(name: .long, help: "The file of prices.")
        var prices: String

        @OptionGroup var models: ModelOptions

        @Flag(name: .long, help: "Expects the same of all models before anything was learned, but for strengths in the file of prices.")
        var noPriors = false

        @Option(name: .long, help: "How many orders of the prompts are replayed, 1 to 1000.")
        var seeds = 20

        @Option(
            name: .long,
            help: "thompson, epsilon-greedy, uniform, cheapest or fixed:MODEL; several may be given. The first three without this.")
        var policy: [String] = []

        @Option(
            name: .long,
            help: "The quality that a thousandth of a dollar is worth; several may be given. 0.05, 0.1, 0.2, 0.4 and 0.8 without this.")
        var lambda: [Double] = []

        @Option(name: .long, help: "Tokens that every answer is taken to have.")
        var outputTokens = 256

        @Option(name: .long, help: "The share of calls whose quality is told, 0 to 1.")
        var feedbackShare = 1.0

        @Option(name: .long, help: "Calls until it is told.")
        var feedbackDelay = 0

        @Option(name: .long, help: "The largest error of what is told, up or down.")
        var noise = 0.0

        @Option(name: .long, help: "MODEL=FACTOR@SHARE: from that share of the calls on, the model's price is multiplied.")
        var priceChange: String?

        @Option(name: .long, help: "MODEL@SHARE: from that share of the calls on, the model's quality is 0.")
        var degrade: String?

        @Option(name: .long, help: "The share of decisions that may explore, 0 to 1.")
        var explorationShare = 0.2

        @Option(name: .long, help: "Hours until half of what was learned is forgotten; 200 calls are an hour.")
        var halfLife = 168.0

        @Option(name: .long, help: "all, or only the even or the odd lines, counted from 0: a half to choose by and a half to judge by.")
        var rows = "all"

        func run() async throws {
            let matrix = try load()
            let settings = try settings(matrix)
            let policies = try policies(matrix)
            let lambdas = lambda.isEmpty ? [0.05, 0.1, 0.2, 0.4, 0.8] : lambda
            var results: [SimulationReport.Result] = []
            for (name, policy) in policies {
                var outcomes: [[Replay.Outcome]] = []
                for (index, lambda) in lambdas.enumerated() {
                    Self.tell("\(name): λ \(index + 1) of \(lambdas.count), \(seeds) seeds of \(matrix.rows.count) calls")
                    outcomes.append(await replay(Replay(matrix: matrix, settings: settings), policy, lambda))
                }
                results.append(SimulationReport.Result(policy: name, lambdas: lambdas, outcomes: outcomes))
            }
            print(SimulationReport(arms: matrix.arms, calls: matrix.rows.count, seeds: seeds, results: results).text, terminator: "")
        }

        /// Seeds run beside each other; what is told does not depend on which ends first.
        private func replay(_ replay: Replay, _ policy: any ArbitragePolicy, _ lambda: Double) async -> [Replay.Outcome] {
            await withTaskGroup(of: (Int, Replay.Outcome).self) { group in
                for seed in 0..<seeds {
                    group.addTask { (seed, replay.run(policy, lambda: lambda, seed: UInt64(seed))) }
                }
                var outcomes: [(Int, Replay.Outcome)] = []
                for await outcome in group { outcomes.append(outcome) }
                return outcomes.sorted { $0.0 < $1.0 }.map(\.1)
            }
        }

        // MARK: - Arguments

        func validate() throws {
            guard (1...1000).contains(seeds) else { throw ValidationError("--seeds is 1 to 1000") }
            guard lambda.allSatisfy({ $0 >= 0 && $0.isFinite }) else { throw ValidationError("--lambda is 0 or more") }
            guard (0...1_000_000).contains(outputTokens) else { throw ValidationError("--output-tokens is 0 to 1000000") }
            guard (0...1).contains(feedbackShare) else { throw ValidationError("--feedback-share is 0 to 1") }
            guard (0...10_000_000).contains(feedbackDelay) else { throw ValidationError("--feedback-delay is 0 to 10000000") }
            guard (0...1).contains(noise) else { throw ValidationError("--noise is 0 to 1") }
            guard (0...1).contains(explorationShare) else { throw ValidationError("--exploration-share is 0 to 1") }
            guard halfLife > 0 else { throw ValidationError("--half-life is above 0") }
            guard ["all", "even", "odd"].contains(rows) else { throw ValidationError("--rows is all, even or odd") }
        }

        private func load() throws -> ReplayMatrix {
            guard let table = try? SmallFile.read(prices) else { throw Refused("the file \(prices) cannot be read", status: 66).told }
            let shipped = try models.load()
            let matrix: ReplayMatrix
            do {
                matrix = try ReplayMatrix(path: data, prices: table, shipped: shipped, usesPriors: !noPriors)
            } catch let fault as ReplayMatrix.Fault {
                throw Refused("\(fault)", status: 65).told
            }
            for note in matrix.notes { Self.tell(note) }
            let chosen = rows == "all" ? matrix : matrix.half(odd: rows == "odd")
            guard !chosen.rows.isEmpty else { throw Refused("the data has no \(rows) line", status: 65).told }
            return chosen
        }

        private func settings(_ matrix: ReplayMatrix) throws -> Replay.Settings {
            var settings = Replay.Settings()
            settings.outputTokens = outputTokens
            settings.feedbackShare = feedbackShare
            settings.feedbackDelay = feedbackDelay
            settings.noise = noise
            if let degrade {
                let (arm, share) = try moment(degrade, matrix, "--degrade is MODEL@SHARE")
                settings.degradation = (try index(of: arm, matrix), share)
            }
            if let priceChange {
                let advice = "--price-change is MODEL=FACTOR@SHARE"
                let (change, share) = try moment(priceChange, matrix, advice)
                let parts = change.split(separator: "=", omittingEmptySubsequences: false)
                guard parts.count == 2, let factor = Double(parts[1]), factor >= 0, factor.isFinite else {
                    throw Refused(advice, status: 64).told
                }
                settings.priceChange = (try index(of: String(parts[0]), matrix), factor, share)
            }
            return settings
        }

        private func moment(_ text: String, _ matrix: ReplayMatrix, _ advice: String) throws -> (String, share: Double) {
            guard let at = text.lastIndex(of: "@"), let share = Double(text[text.index(after: at)...]), (0...1).contains(share) else {
                throw Refused(advice, status: 64).told
            }
            return (String(text[..<at]), share)
        }

        private func index(of arm: String, _ matrix: ReplayMatrix) throws -> Int {
            guard let index = matrix.arms.firstIndex(of: arm) else {
                throw Refused("there is no model \(arm); there are \(matrix.arms.joined(separator: ", "))", status: 64).told
            }
            return index
        }

        private func policies(_ matrix: ReplayMatrix) throws -> [(String, any ArbitragePolicy)] {
            let names = policy.isEmpty ? ["thompson", "epsilon-greedy", "uniform"] : policy
            return try names.map { name in
                switch name {
                case "thompson":
                    var settings = ThompsonPolicy.Settings(prior: BanditPrior(strengths: strengths(matrix)))
                    settings.explorationShare = explorationShare
                    settings.halfLifeHours = halfLife
                    guard let policy = ThompsonPolicy(settings) else { throw Refused("there is no model", status: 65).told }
                    return (name, policy)
                case "epsilon-greedy": return (name, EpsilonGreedyPolicy(arms: matrix.arms.count))
                case "uniform": return (name, WeightedPolicy(weights: matrix.arms.map { _ in 1 }))
                case "cheapest": return (name, CheapestPolicy())
                default:
                    guard name.hasPrefix("fixed:") else {
                        throw Refused("--policy knows thompson, epsilon-greedy, uniform, cheapest and fixed:MODEL", status: 64).told
                    }
                    return (name, FixedPolicy(arm: try index(of: String(name.dropFirst("fixed:".count)), matrix)))
                }
            }
        }

        /// A model of which nothing is known is taken to be as the others, as in the gateway.
        private func strengths(_ matrix: ReplayMatrix) -> [Double] {
            let known = matrix.prices.compactMap(\.strength)
            let average = known.isEmpty ? 0.5 : known.reduce(0, +) / Double(known.count)
            return matrix.prices.map { $0.strength ?? average }
        }

        private static func tell(_ line: String) {
            FileHandle.standardError.write(Data("\(line)\n".utf8))
        }
    }
}
