import Foundation
import GatewayCore
import NIOCore
import ProcessSupport
import Testing

@testable import RedisStore

/// The ACL users that docs/redis.md proposes, held against everything that is sent.
@Suite("What a user of Redis must be allowed", .timeLimit(.minutes(4)))
struct AccessTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../..")
        .standardizedFileURL

    /// The rights of a user of the page, as words.
    static func documented(_ user: String) throws -> [String] {
        let text = try String(contentsOf: root.appendingPathComponent("docs/redis.md"), encoding: .utf8)
        let line = try #require(text.components(separatedBy: "`user \(user) on >PASSWORD ").dropFirst().first?.split(separator: "`").first)
        return line.split(whereSeparator: \.isWhitespace).map(String.init)
    }

    /// Every command that the gateway's sources send, alone or in a script, in lower case.
    private static func used() throws -> Set<String> {
        let folder = root.appendingPathComponent("Sources/Gateway")
        // What AUTH, EVAL and EVALSHA carry is not made by an initialiser.
        var used: Set<String> = ["eval", "evalsha"]
        for path in try FileManager.default.subpathsOfDirectory(atPath: folder.path) where path.hasSuffix(".swift") {
            let text = try String(contentsOf: folder.appendingPathComponent(path), encoding: .utf8)
            for match in text.matches(of: /redis\.p?call\(\s*(?:'([A-Za-z]+)')?/) {
                used.insert(try #require(match.1, "\(path): a script's command is no literal, and nobody can see which it is").lowercased())
            }
            for match in text.matches(of: /RedisCommand\(\[?"([A-Z]+)"/) { used.insert(match.1.lowercased()) }
        }
        return used
    }

    @Test("each user has every command that is sent, and no other")
    func complete() throws {
        let used = try Self.used()
        #expect(used.isSuperset(of: ["get", "rpush", "xreadgroup", "cluster", "ping"]), "\(used)")
        func commands(_ user: String) throws -> Set<String> {
            Set(
                try Self.documented(user).filter { $0.hasPrefix("+") }.map {
                    $0.dropFirst().split(separator: "|").first.map(String.init) ?? ""
                })
        }
        // Asked in place of INFO where that is not allowed.
        #expect(try commands("gateway") == used.subtracting(["config"]))
        let answers = Set(
            RedisCacheScripts.all.filter { $0 != RedisCacheScripts.readTail && $0 != RedisCacheScripts.publish }.flatMap { script in
                script.text.matches(of: /redis\.p?call\('([A-Z]+)'/).map { $0.1.lowercased() }
            })
        let connection: Set<String> = ["get", "eval", "evalsha", "cluster", "asking", "select", "client", "ping"]
        #expect(try commands("answers") == answers.union(connection))
    }

    @Test("with the user for state every script runs, and no command that is not sent is allowed")
    func state() async throws {
        try await RedisServer.run(["--user", "gateway", "on", ">hunter2"] + Self.documented("gateway")) { server in
            let options = try RedisOptions(url: "redis://gateway:hunter2@127.0.0.1:\(server.port)/2")
            try await RedisRoleCheck.run(.state, options: options, eventLoop: MultiThreadedEventLoops.next(), timeout: .seconds(10))
            try await RedisRig.run(options) { rig in
                try await Self.admitAndSettle(rig)
                try await Self.keepAndTell(rig)
                try await Self.fanOut(rig)
                try await Self.moveRecords(rig)
                for forbidden in ["FLUSHDB", "KEYS", "TYPE", "SMEMBERS"] {
                    #expect(try await rig.failure(of: RedisCommand(forbidden, "x"))?.serverKind == .notPermitted)
                }
                // Nor any key but a bucket's.
                #expect(try await rig.failure(of: "GET", "other")?.serverKind == .notPermitted)
            }
        }
    }

    @Test("with the user for answers they are kept, told and purged")
    func answers() async throws {
        try await RedisServer.run(["--user", "answers", "on", ">hunter2"] + Self.documented("answers")) { server in
            let options = try RedisOptions(url: "redis://answers:hunter2@127.0.0.1:\(server.port)/2")
            try await RedisRoleCheck.run(.cache, options: options, eventLoop: MultiThreadedEventLoops.next(), timeout: .seconds(10))
            try await RedisRig.run(options) { rig in
                try await Self.keepAndTell(rig)
                for forbidden in ["FLUSHDB", "TYPE", "XLEN"] {
                    #expect(try await rig.failure(of: RedisCommand(forbidden, "x"))?.serverKind == .notPermitted)
                }
            }
        }
    }

    // MARK: what gateways do

    private static func cacheKey() throws -> CacheKey { try #require(CacheKey([UInt8](repeating: 5, count: 32))) }

    private static func admitAndSettle(_ rig: RedisRig) async throws {
        let lease = RedisKey.leases(tenant: "t", .tenant)
        let limit = RateLimit(permits: 5, periodNanoseconds: 1_000_000_000)
        let rate = RedisAdmission.Rate(key: .rate(tenant: "t", .tenant, .requests), demand: RateDemand(limit: limit))
        let wallets = WalletPlace(tenant: "t")
        let claim = RedisClaim(
            IdempotencyClaim(key: try cacheKey(), fingerprint: try cacheKey(), answer: try cacheKey()), tenant: "t", milliseconds: 60_000)
        let look = RedisLook(
            answer: .answer(tenant: "t", model: "m", try cacheKey()), flight: .flight(tenant: "t", try cacheKey()))
        let admission = RedisAdmission(
            rates: [rate], caps: [.init(key: lease, limit: 1)], hold: wallets.hold, claim: claim, look: look, holder: "h")
        let outcome = try await rig.loop.flatSubmit { rig.client.value.admit(admission, timeout: .seconds(20)) }.get()
        #expect(outcome.isAdmitted)
        var command = RedisCommand([])
        RedisAdmission.encodeRenewal(into: &command, lease: lease, holders: ["h"])
        #expect(RedisAdmission.renewed(try await rig.send(command).reply) == [true])
        let stream = LedgerStream(bucket: wallets.bucket)
        RedisSettlement(
            corrections: [.init(key: rate.key, limit: limit, permits: -1)], leases: admission.leases,
            charge: wallets.charge, holder: "h", entry: .init(stream: stream, bytes: [1])
        ).encode(into: &command)
        #expect(try await rig.send(command).integer == 1)
        // A hold that nobody settles.
        let other = RedisAdmission(rates: [], caps: [], hold: wallets.hold, holder: "gone")
        #expect(try await rig.loop.flatSubmit { rig.client.value.admit(other, timeout: .seconds(20), now: 1_000_000) }.get().isAdmitted)
        #expect(try await rig.send(stream.expiry(count: 10)).elements != nil)
    }

    private struct WalletPlace {
        let bucket: UInt8
        let keys: [RedisKey]
        let time = SpendingTime(unixMilliseconds: 1_800_000_000_000)

        init(tenant: String) {
            bucket = RedisKey.bucket(of: tenant)
            keys = [.wallet(tenant: tenant, .tenant)]
        }

        var hold: RedisAdmission.Hold {
            RedisAdmission.Hold(
                bucket: bucket, keys: keys,
                demand: WalletHold(
                    wallets: keys.map(\.name), limits: [BudgetSet(day: 100)], bound: 10, time: time, milliseconds: 1_000, record: [1]))
        }

        var charge: RedisSettlement.Charge { RedisSettlement.Charge(.held, bucket: bucket, wallets: keys, nanoUSD: 5, time: time) }
    }

    private static func keepAndTell(_ rig: RedisRig) async throws {
        let key = RedisKey.answer(tenant: "t", model: "m", try cacheKey())
        let bucket = RedisKey.bucket(of: "t")
        for text in ["first", "second"] {
            let kept = RedisAnswers.store(ByteBuffer(string: text), as: key, bucket: bucket, milliseconds: 60_000, maxBytes: 1 << 20)
            #expect(try await rig.send(kept).integer == 1)
            #expect(try await rig.send(RedisAnswers.get(key)).string == text)
        }
        let purge = RedisAnswers.purge(bucket: bucket, tenant: "t", model: nil, cursor: "0")
        #expect(RedisAnswers.purged(try await rig.send(purge).reply)?.count == 1)
    }

    private static func fanOut(_ rig: RedisRig) async throws {
        let key = try #require(CacheKey([UInt8](repeating: 6, count: 32)))
        let keys = RedisTail.Keys(tenant: "t", answer: .answer(tenant: "t", model: "m", key), key)
        #expect(RedisTail.found(try await rig.send(RedisTail.read(keys, from: 0, asker: "a")).reply, from: 0) == .lead)
        #expect(try await rig.send(RedisTail.isWatched(keys)).integer == 1)
        let piece = RedisTail.Piece(holder: "a", sealed: ByteBuffer(string: "one"))
        #expect(try await rig.send(RedisTail.publish(piece, index: 0, keys)).integer == 1)
        #expect(
            RedisTail.found(try await rig.send(RedisTail.read(keys, from: 0, asker: "b")).reply, from: 0)
                == .running(holder: "a", [piece]))
    }

    private static func moveRecords(_ rig: RedisRig) async throws {
        let stream = LedgerStream(bucket: RedisKey.bucket(of: "t"))
        _ = try await rig.send(stream.creation)
        let entries = try #require(LedgerStream.read(try await rig.send(stream.read("m", count: 10)).reply))
        #expect(!entries.isEmpty)
        #expect(LedgerStream.claimed(try await rig.send(stream.claim("n", idleMilliseconds: 0, count: 10)).reply)?.count == entries.count)
        #expect(try await rig.send(stream.removal(of: entries)).integer == 0)
        _ = try await rig.send(stream.append([1]))
        #expect(try await rig.send(stream.length).integer == 1)
    }
}
