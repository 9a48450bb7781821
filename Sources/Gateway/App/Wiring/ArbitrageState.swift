import ArgumentParser
import EmbeddedStore
import Foundation
import GatewayConfiguration
import GatewayCore
import GatewayPipeline
import Logging
import NIOCore
import RedisStore

/// What arbitrated names learn, and where it is kept: in `arbitrage.file`, in Redis, or in memory.
struct ArbitrageState: Sendable {
    private static let startUp = Duration.seconds(1)
    /// Some 300 bytes each.
    private static let maxAnswersInMemory = 25_000

    let learner: ArbitrageLearner
    private let client: NIOLoopBound<RedisClient>?

    /// Opens what there is to open; what cannot be is told on standard error and ends the process.
    ///
    /// - Parameter eventLoop: on which Redis is talked to.
    static func open(
        _ configuration: Configuration, redis: RedisDeployment?, on eventLoop: any EventLoop, logger: Logger
    ) async throws -> ArbitrageState {
        var client: NIOLoopBound<RedisClient>?
        if let redis, configuration.arbitrage.file == nil {
            client = try await eventLoop.submit {
                NIOLoopBound(RedisClient(options: redis.options, eventLoop: eventLoop), eventLoop: eventLoop)
            }.get()
        }
        let store: any ArbitrageStore
        do {
            store = try Self.store(configuration, client, logger)
        } catch {
            FileHandle.standardError.write(Data("agentshield serve: \(error) (look at `arbitrage.file`)\n".utf8))
            throw ExitCode(69)
        }
        let learner = ArbitrageLearner(
            store: store, settings: ArbitrageLearner.Settings(refresh: configuration.arbitrage.refresh), logger: logger)
        return ArbitrageState(learner: learner, client: client)
    }

    private static func store(
        _ configuration: Configuration, _ client: NIOLoopBound<RedisClient>?, _ logger: Logger
    ) throws(LedgerError) -> any ArbitrageStore {
        let feedback = configuration.arbitrage.feedbackTimeToLive.nanoseconds / 1_000_000
        if let client {
            return RedisArbitrage(client: client, settings: RedisArbitrage.Settings(feedbackMilliseconds: feedback)) { count in
                logger.warning("hours of what arbitrated names have learned cannot be read in Redis", metadata: ["hours": "\(count)"])
            }
        }
        var settings = ArbitrageFile.Settings(feedbackMilliseconds: feedback) { Int64(Date().timeIntervalSince1970 * 1_000) }
        if configuration.arbitrage.file == nil { settings.maxAnswers = Self.maxAnswersInMemory }
        return try ArbitrageFile(path: configuration.arbitrage.file, settings: settings)
    }

    /// Learns until the task is cancelled. Returns when event loops know what the store does, or after a second: then they begin with what is believed before
    /// anything is learned.
    func start(_ loops: LoopDirectory, _ routes: [ArbitratedRoute]) async -> Task<Void, Never> {
        let learner = learner
        let (isTold, told) = AsyncStream.makeStream(of: Never.self)
        let task = Task {
            await learner.run { knowledge in
                try? await loops.forEach { $0.gateway.take(knowledge) }
                told.finish()
            }
        }
        // Of no names nothing is told.
        if routes.isEmpty { told.finish() }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in isTold {} }
            group.addTask { try? await Task.sleep(for: Self.startUp) }
            await group.next()
            group.cancelAll()
        }
        return task
    }

    /// Brings what is left to the store; after the task of ``start(_:)`` has ended.
    func close() async {
        await learner.finish()
        if let client { try? await client.eventLoop.submit { client.value.close() }.get() }
    }
}
