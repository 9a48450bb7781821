package import GatewayCore

/// The name of a key in Redis. `docs/redis.md` lists every one.
///
/// Each begins with its tenant's bucket tag, `{b0}` to `{b255}`, so that all keys of a tenant share a slot and one script may use them together.
package struct RedisKey: Sendable, Equatable, Hashable {
    package let name: String
    /// Where Redis Cluster keeps it.
    package let slot: UInt16

    private init(bucket: UInt8, _ kind: StaticString, _ parts: [String]) {
        var name = "{b\(bucket)}:\(kind)"
        for part in parts {
            name.append(":")
            Self.append(part, to: &name)
        }
        self.name = name
        slot = RedisSlot.of(name)
    }

    package typealias Subject = LimitSubject
    package typealias Measure = LimitMeasure

    /// The theoretical arrival time of one limit.
    package static func rate(tenant: String, _ subject: Subject, _ measure: Measure) -> RedisKey {
        RedisKey(bucket: bucket(of: tenant), "rate", [measure.part, tenant] + subject.parts)
    }

    /// The leases of one cap on concurrent requests.
    package static func leases(tenant: String, _ subject: Subject) -> RedisKey {
        RedisKey(bucket: bucket(of: tenant), "lease", [tenant] + subject.parts)
    }

    /// What a subject has spent and reserved.
    package static func wallet(tenant: String, _ subject: BudgetSubject) -> RedisKey {
        RedisKey(bucket: bucket(of: tenant), "wallet", [tenant] + subject.parts)
    }

    /// When the reservations of a bucket's tenants end.
    package static func holds(bucket: UInt8) -> RedisKey { RedisKey(bucket: bucket, "holds", []) }

    /// What they are, by request.
    package static func held(bucket: UInt8) -> RedisKey { RedisKey(bucket: bucket, "held", []) }

    /// What a request was charged whose reservation ended.
    package static func late(bucket: UInt8, _ id: String) -> RedisKey { RedisKey(bucket: bucket, "late", [id]) }

    /// What ``late(bucket:_:)`` has in front of the id and a colon.
    static func late(bucket: UInt8) -> RedisKey { RedisKey(bucket: bucket, "late", []) }

    /// The stream of records of a bucket's tenants.
    package static func ledger(bucket: UInt8) -> RedisKey {
        RedisKey(bucket: bucket, "ledger", [])
    }

    /// A sealed answer to a request for a model.
    package static func answer(tenant: String, model: String, _ key: CacheKey) -> RedisKey {
        RedisKey(bucket: bucket(of: tenant), "answer", [tenant, model, hexadecimal(key)])
    }

    /// The lease of who fetches the answer.
    package static func flight(tenant: String, _ key: CacheKey) -> RedisKey {
        RedisKey(bucket: bucket(of: tenant), "flight", [tenant, hexadecimal(key)])
    }

    /// What has come of a stream that is fetched, in pieces.
    static func tail(tenant: String, _ key: CacheKey) -> RedisKey {
        RedisKey(bucket: bucket(of: tenant), "tail", [tenant, hexadecimal(key)])
    }

    /// Whether anybody watches for it.
    static func watched(tenant: String, _ key: CacheKey) -> RedisKey {
        RedisKey(bucket: bucket(of: tenant), "watched", [tenant, hexadecimal(key)])
    }

    /// What came of a stream since its connection was lost, in pieces.
    static func resumption(tenant: String, _ id: String) -> RedisKey {
        RedisKey(bucket: bucket(of: tenant), "resume", [tenant, id])
    }

    /// Whether another replica reads it.
    static func resuming(tenant: String, _ id: String) -> RedisKey {
        RedisKey(bucket: bucket(of: tenant), "resuming", [tenant, id])
    }

    /// How many bytes each of a bucket's answers takes.
    package static func answerSizes(bucket: UInt8) -> RedisKey { RedisKey(bucket: bucket, "answers", []) }

    /// When each of them ends.
    package static func answerEnds(bucket: UInt8) -> RedisKey { RedisKey(bucket: bucket, "answers:end", []) }

    /// Which request an idempotency key stands for.
    static func claim(tenant: String, _ key: CacheKey) -> RedisKey {
        RedisKey(bucket: bucket(of: tenant), "claim", [tenant, hexadecimal(key)])
    }

    /// The lease of who carries it out.
    static func claimLease(tenant: String, _ key: CacheKey) -> RedisKey {
        RedisKey(bucket: bucket(of: tenant), "claimed", [tenant, hexadecimal(key)])
    }

    /// Its sealed answer.
    static func repeatable(tenant: String, _ key: CacheKey) -> RedisKey {
        RedisKey(bucket: bucket(of: tenant), "repeat", [tenant, hexadecimal(key)])
    }

    /// How many bytes each of a bucket's answers to idempotency keys takes.
    static func repeatableSizes(bucket: UInt8) -> RedisKey { RedisKey(bucket: bucket, "repeats", []) }

    /// When each of them ends.
    static func repeatableEnds(bucket: UInt8) -> RedisKey { RedisKey(bucket: bucket, "repeats:end", []) }

    /// Which upstreams replicas leave alone; of no tenant.
    static let upstreams = RedisKey(bucket: 0, "upstreams", [])

    /// What was learned under a name in an hour; of no tenant, so the name's route says the bucket.
    package static func learned(_ name: LearnedName, _ hour: RouteStatistics.Hour) -> RedisKey {
        let cell = name.cell.map { String($0) } ?? "a"
        return RedisKey(
            bucket: bucket(of: name.route), "learned", [name.route, name.arm, String(name.version), cell, String(hour.index)])
    }

    /// What feedback on a receipt needs.
    package static func arbitrated(tenant: String, _ id: RequestID) -> RedisKey {
        RedisKey(bucket: bucket(of: tenant), "arbitrated", [tenant, id.description])
    }

    /// A glob pattern of the keys of answers; `nil` stands for any tenant or model. No part of a key has a character that means something in it.
    static func answerPattern(bucket: UInt8, tenant: String?, model: String?) -> String {
        var pattern = "{b\(bucket)}:answer:"
        for part in [tenant, model] {
            if let part { append(part, to: &pattern) } else { pattern.append("*") }
            pattern.append(":")
        }
        return pattern + "*"
    }

    private static func hexadecimal(_ key: CacheKey) -> String {
        let digits = Array("0123456789abcdef")
        return String(key.bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }

    /// One of 256, from the tenant's id: its FNV-1a digest of 64 bits folded to 8. It can never change: counters would be left behind.
    package static func bucket(of tenant: String) -> UInt8 {
        let digest = tenant.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
        return (0..<8).reduce(0) { $0 ^ UInt8(truncatingIfNeeded: digest >> (8 * $1)) }
    }

    /// Letters, digits, `.`, `_` and `-` stand for themselves, all other bytes as `%` and two hexadecimal digits: ids that hold `:` or braces can
    /// neither leave the slot nor meet another id's key.
    private static func append(_ part: String, to name: inout String) {
        for byte in part.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                name.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                name.append(byte < 16 ? "%0" : "%")
                name.append(String(byte, radix: 16))
            }
        }
    }
}

extension BudgetSubject {
    fileprivate var parts: [String] {
        switch self {
        case .tenant: ["t"]
        case .department(let name): ["d", name]
        case .user(let name): ["u", name]
        }
    }
}

extension LimitSubject {
    fileprivate var parts: [String] {
        switch self {
        case .key(let id): ["k", id]
        case .user(let id): ["u", id]
        case .tenant: ["t"]
        case .model(let name): ["m", name]
        }
    }
}

extension LimitMeasure {
    fileprivate var part: String { self == .requests ? "r" : "t" }
}
