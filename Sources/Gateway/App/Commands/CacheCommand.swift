import ArgumentParser
import Foundation
import NIOCore
import RedisStore

struct CacheCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cache", abstract: "The answers that are kept.", subcommands: [Purge.self])

    struct Purge: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "purge", abstract: "Deletes kept answers: all, or those of a tenant, a model or both.",
            discussion: """
                Looks at the server that REDIS_CACHE_URL names, else at REDIS_URL's. Of a gateway without Redis, which keeps answers in its memory, --control \
                names the listener for administration. Answers to requests that are under way meanwhile may be kept.
                """)

        @Option(name: .long, help: "Only this tenant's.")
        var tenant: String?

        @Option(name: .long, help: "Only this model's, by its name in the configuration.")
        var model: String?

        @OptionGroup var redis: RedisArguments
        @OptionGroup var running: ControlArguments
        @OptionGroup var confirmation: Confirmation

        func run() async throws {
            let gateway = try running.client()
            let options = try gateway == nil ? redis.options(["REDIS_CACHE_URL", "REDIS_URL"]) : nil
            guard gateway != nil || options != nil else {
                throw ValidationError(
                    "there are no answers: set REDIS_CACHE_URL or REDIS_URL, or name a gateway without Redis by --control")
            }
            if tenant == nil, model == nil { try confirmation.ask("Delete every tenant's answers?") }
            var count = 0
            if let gateway { count = try await gateway.purge(tenant: tenant, model: model) }
            if let options { count = try await purge(options) }
            print("\(count) \(count == 1 ? "answer" : "answers") deleted")
        }

        private func purge(_ options: RedisOptions) async throws -> Int {
            let buckets = tenant.map { [RedisKey.bucket(of: $0)] } ?? Array(0...255)
            return try await redis.with(options) { client in
                var count = 0
                for bucket in buckets { count += try await purge(bucket, client) }
                return count
            }
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
