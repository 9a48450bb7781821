import ArgumentParser
import Foundation
import NIOCore
import RedisStore

struct CacheCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cache", abstract: "The answers that replicas share in Redis.", subcommands: [Purge.self])

    struct Purge: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "purge", abstract: "Deletes kept answers: all, or those of a tenant, a model or both.",
            discussion: """
                Looks at the server that REDIS_CACHE_URL names, else at REDIS_URL's. Gateways without Redis keep answers in their memory until they are \
                restarted. Answers to requests that are under way meanwhile may be kept.
                """)

        @Option(name: .long, help: "Only this tenant's.")
        var tenant: String?

        @Option(name: .long, help: "Only this model's, by its name in the configuration.")
        var model: String?

        @OptionGroup var redis: RedisArguments
        @OptionGroup var confirmation: Confirmation

        func run() async throws {
            guard let options = try redis.options(["REDIS_CACHE_URL", "REDIS_URL"]) else {
                throw ValidationError("there are no shared answers: set REDIS_CACHE_URL or REDIS_URL")
            }
            if tenant == nil, model == nil { try confirmation.ask("Delete every tenant's answers?") }
            let buckets = tenant.map { [RedisKey.bucket(of: $0)] } ?? Array(0...255)
            let count = try await redis.with(options) { client in
                var count = 0
                for bucket in buckets { count += try await purge(bucket, client) }
                return count
            }
            print("\(count) \(count == 1 ? "answer" : "answers") deleted")
        }

        private func purge(_ bucket: UInt8, _ client: NIOLoopBound<RedisClient>) async throws -> Int {
            var (cursor, count) = ("0", 0)
            repeat {
                let command = RedisAnswers.purge(bucket: bucket, tenant: tenant, model: model, cursor: cursor)
                let reply = try await client.eventLoop.flatSubmit { client.value.send(command, timeout: .seconds(30)) }.get()
                guard let page = RedisAnswers.purged(reply) else { throw RedisFailure.unexpectedReply }
                (cursor, count) = (page.cursor, count + page.count)
            } while cursor != "0"
            return count
        }
    }
}
