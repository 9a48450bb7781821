import Foundation
import GatewayCore
import NIOCore
import Testing

@testable import RedisStore

@Suite("Commands, keys and errors")
struct CommandTests {
    private func encoded(_ command: RedisCommand, sendsScriptText: Bool = false) -> String {
        var buffer = ByteBuffer()
        command.encode(into: &buffer, sendsScriptText: sendsScriptText)
        #expect(buffer.readableBytes <= command.encodedBytes + (command.script?.text.utf8.count ?? 0))
        return String(buffer: buffer)
    }

    @Test("arguments go with their length in bytes, whatever is in them")
    func arguments() {
        var command = RedisCommand("SET", "é\r\n", "")
        command.append(ByteBuffer(bytes: [0, 13]))
        command.append(Int64.min)
        #expect(encoded(command) == "*5\r\n$3\r\nSET\r\n$4\r\né\r\n\r\n$0\r\n\r\n$2\r\n\0\r\r\n$20\r\n-9223372036854775808\r\n")
    }

    @Test("numbers are written as Swift prints them", arguments: [0, 7, -7, 10, 99, 100, -100, .max, .min, 1_767_225_600_000_000])
    func numbers(number: Int64) {
        var command = RedisCommand("ECHO")
        command.append(number)
        #expect(encoded(command) == "*2\r\n$4\r\nECHO\r\n$\(String(number).count)\r\n\(number)\r\n")
    }

    @Test("a script goes by its digest, or with its text; memory is used again")
    func scripts() {
        let script = RedisScript("return 1", sha1: "e0e1f9fabfc9d4800c877a703b823ac0578ff8db")
        let key = RedisKey.rate(tenant: "t", .tenant, .requests)
        var command = RedisCommand(script, keyCount: 1)
        for _ in 0..<2 {
            command.restart(script, keyCount: 1)
            command.append(key)
            command.append("x")
            #expect(command.slot == key.slot)
        }
        let tail = "$1\r\n1\r\n$\(key.name.count)\r\n\(key.name)\r\n$1\r\nx\r\n"
        #expect(encoded(command) == "*5\r\n$7\r\nEVALSHA\r\n$40\r\n\(script.sha1)\r\n" + tail)
        #expect(encoded(command, sendsScriptText: true) == "*5\r\n$4\r\nEVAL\r\n$8\r\nreturn 1\r\n" + tail)
    }

    @Test(
        "slots are those of the cluster specification",
        arguments: [
            ("123456789", 12_739), ("", 0), ("foo", 12_182), ("{foo}bar", 12_182), ("a{foo}{bar}", 12_182),
            ("{}foo", RedisSlot.of("{}foo")),
        ])
    func slots(key: String, slot: UInt16) {
        #expect(RedisSlot.of(key) == slot)
    }

    @Test("an empty tag is none: the whole key counts")
    func emptyTag() {
        #expect(RedisSlot.of("{}foo") != RedisSlot.of("{}bar"))
    }

    @Test("all keys of a tenant share a slot, which its bucket decides")
    func sharedSlot() {
        for tenant in ["acme", "", "a{b}c", "ünïcode", String(repeating: "x", count: 200)] {
            let bucket = RedisKey.bucket(of: tenant)
            let wallets: [RedisKey] = [BudgetSubject.tenant, .department("k1"), .user("u1")].map { .wallet(tenant: tenant, $0) }
            let cache: [RedisKey] =
                CacheKey([UInt8](repeating: 7, count: 32)).map {
                    [
                        .answer(tenant: tenant, model: "m", $0), .flight(tenant: tenant, $0), .answerSizes(bucket: bucket),
                        .answerEnds(bucket: bucket),
                    ]
                } ?? []
            let others: [RedisKey] =
                [.holds(bucket: bucket), .held(bucket: bucket), .late(bucket: bucket, "req_1")]
                + [.resumption(tenant: tenant, "req_1"), .resuming(tenant: tenant, "req_1")]
            let keys = Self.keys(of: tenant) + wallets + cache + others
            let slot = RedisSlot.of("b\(bucket)")
            #expect(keys.allSatisfy { $0.slot == slot && RedisSlot.of($0.name) == slot })
            #expect(Set(keys).count == keys.count)
        }
    }

    static func keys(of tenant: String) -> [RedisKey] {
        let subjects: [RedisKey.Subject] = [.key("k1"), .user("u1"), .tenant, .model("m1")]
        return subjects.flatMap { subject in
            [
                .rate(tenant: tenant, subject, .requests), .rate(tenant: tenant, subject, .tokens), .leases(tenant: tenant, subject),
            ]
        }
    }

    @Test("docs/redis.md lists every key, and no other")
    func documented() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../docs/redis.md")
        let rows = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").filter { $0.hasPrefix("| `{b<n>}:") }
        let documented = Set(rows.compactMap { $0.split(separator: "`").dropFirst().first.map(String.init) })
        let made = Self.keys(of: "T").map { key in
            let words = key.name.split(separator: ":")
            let known = words.firstIndex(of: "T") ?? words.endIndex
            return "{b<n>}:" + words[1..<known].joined(separator: ":") + ":<tenant>:<subject>"
        }
        let cache = ["answer:<tenant>:<model>:<key>", "answers", "answers:end", "flight:<tenant>:<key>"]
        let streams = ["watched:<tenant>:<key>", "tail:<tenant>:<key>", "resume:<tenant>:<request>", "resuming:<tenant>:<request>"]
        let idempotency = ["claim:<tenant>:<key>", "claimed:<tenant>:<key>", "repeat:<tenant>:<key>", "repeats", "repeats:end"]
        let arbitrage = ["learned:<route>:<arm>:<version>:<cell>:<hour>", "arbitrated:<tenant>:<request>"]
        let others = (cache + streams + idempotency + ["ledger", "wallet:<tenant>:<payer>", "held", "holds", "late:<request>"] + arbitrage)
            .map {
                "{b<n>}:" + $0
            }
        #expect(documented == Set(made).union(others))
        #expect(RedisKey.ledger(bucket: 7).name == "{b7}:ledger")
    }

    @Test("the bucket of a tenant never changes", arguments: [("acme", 160), ("globex", 170), ("", 225)])
    func buckets(tenant: String, bucket: UInt8) {
        #expect(RedisKey.bucket(of: tenant) == bucket)
    }

    @Test("no two ids make one key, whatever is in them")
    func injective() {
        let a = RedisKey.rate(tenant: "a:k", .key("b"), .requests)
        let b = RedisKey.rate(tenant: "a", .key("k:b"), .requests)
        let c = RedisKey.rate(tenant: "a", .key("k%3ab"), .requests)
        #expect(Set([a.name, b.name, c.name]).count == 3)
        #expect(a.name == "{b\(RedisKey.bucket(of: "a:k"))}:rate:r:a%3ak:k:b")
    }

    @Test(
        "an error is known by its first word",
        arguments: [
            ("NOSCRIPT No matching script", .noScript),
            ("MOVED 3999 127.0.0.1:6381", .moved(slot: 3_999, host: "127.0.0.1", port: 6_381, isAsk: false)),
            ("ASK 1 ::1:7", .moved(slot: 1, host: "::1", port: 7, isAsk: true)),
            ("MOVED 5 :7", .moved(slot: 5, host: "", port: 7, isAsk: false)),
            ("MOVED 16384 h:1", .other), ("MOVED 1 h:0", .other), ("MOVED 1 h:99999", .other), ("MOVED", .other), ("MOVED 1 h", .other),
            ("READONLY x", .readOnly), ("LOADING x", .loading), ("OOM x", .outOfMemory), ("MASTERDOWN x", .primaryDown), ("BUSY x", .busy),
            ("CLUSTERDOWN x", .clusterDown), ("WRONGPASS x", .wrongCredentials), ("NOAUTH x", .notAuthenticated),
            ("NOPERM x", .notPermitted),
            ("MISCONF x", .writesStopped), ("NOREPLICAS x", .writesStopped), ("WRONGTYPE x", .wrongType), ("TRYAGAIN x", .tryAgain),
            ("ERR secret argument", .other), ("sk-secret", .other), ("", .other),
        ] as [(String, RedisServerError.Kind)])
    func errors(text: String, kind: RedisServerError.Kind) {
        let error = RedisServerError(ByteBuffer(string: text))
        #expect(error.kind == kind)
        #expect(!error.description.contains("secret"))
    }
}
