package import GatewayCore

/// The name of a key in Redis. `docs/redis.md` lists every one.
///
/// Each begins with its tenant's bucket tag, `{b0}` to `{b255}`, so that all keys of a tenant share a slot and one script may use them together.
package struct RedisKey: Sendable, Equatable, Hashable {
    package let name: String
    /// Where Redis Cluster keeps it.
    package let slot: UInt16

    /// - Parameter digest: stands behind the parts, in hexadecimal.
    private init(bucket: UInt8, _ kind: StaticString, _ parts: [String], _ digest: CacheKey? = nil) {
        // Any byte may take three. Written in one piece: keys are made for every request.
        let longest = parts.reduce(8 + kind.utf8CodeUnitCount + (digest == nil ? 0 : 65)) { $0 + 1 + 3 * $1.utf8.count }
        let name = String(unsafeUninitializedCapacity: longest) { memory in
            var writer = Writer(memory: memory)
            writer.append("{b")
            writer.append(decimal: bucket)
            writer.append("}:")
            writer.append(kind)
            for part in parts {
                writer.append(":")
                writer.append(part: part)
            }
            if let digest {
                writer.append(":")
                digest.withUnsafeBytes { for byte in $0 { writer.append(hexadecimal: byte) } }
            }
            return writer.count
        }
        self.name = name
        slot = RedisSlot.of(name)
    }

    /// Writes a name into memory that has room for it.
    private struct Writer {
        let memory: UnsafeMutableBufferPointer<UInt8>
        private(set) var count = 0

        mutating func append(_ byte: UInt8) {
            memory[count] = byte
            count += 1
        }

        mutating func append(_ text: StaticString) {
            text.withUTF8Buffer { for byte in $0 { append(byte) } }
        }

        mutating func append(decimal number: UInt8) {
            if number >= 100 { append(UInt8(ascii: "0") + number / 100) }
            if number >= 10 { append(UInt8(ascii: "0") + number / 10 % 10) }
            append(UInt8(ascii: "0") + number % 10)
        }

        mutating func append(hexadecimal byte: UInt8) {
            append(digit: byte >> 4)
            append(digit: byte & 15)
        }

        private mutating func append(digit value: UInt8) {
            append(value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10)
        }

        /// Letters, digits, `.`, `_` and `-` stand for themselves, all other bytes as `%` and two hexadecimal digits: ids that hold `:` or braces can
        /// neither leave the slot nor meet another id's key.
        mutating func append(part: String) {
            for byte in part.utf8 {
                if RedisKey.isPlain(byte) {
                    append(byte)
                } else {
                    append(UInt8(ascii: "%"))
                    append(hexadecimal: byte)
                }
            }
        }
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
    package static func holds(bucket: UInt8) -> RedisKey { allHolds[Int(bucket)] }
    private static let allHolds = (0...UInt8.max).map { RedisKey(bucket: $0, "holds", []) }

    /// What they are, by request.
    package static func held(bucket: UInt8) -> RedisKey { allHeld[Int(bucket)] }
    private static let allHeld = (0...UInt8.max).map { RedisKey(bucket: $0, "held", []) }

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
        RedisKey(bucket: bucket(of: tenant), "answer", [tenant, model], key)
    }

    /// The lease of who fetches the answer.
    package static func flight(tenant: String, _ key: CacheKey) -> RedisKey {
        RedisKey(bucket: bucket(of: tenant), "flight", [tenant], key)
    }

    /// What has come of a stream that is fetched, in pieces.
    static func tail(tenant: String, _ key: CacheKey) -> RedisKey {
        RedisKey(bucket: bucket(of: tenant), "tail", [tenant], key)
    }

    /// Whether anybody watches for it.
    static func watched(tenant: String, _ key: CacheKey) -> RedisKey {
        RedisKey(bucket: bucket(of: tenant), "watched", [tenant], key)
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
    package static func answerSizes(bucket: UInt8) -> RedisKey { allAnswerSizes[Int(bucket)] }
    private static let allAnswerSizes = (0...UInt8.max).map { RedisKey(bucket: $0, "answers", []) }

    /// When each of them ends.
    package static func answerEnds(bucket: UInt8) -> RedisKey { allAnswerEnds[Int(bucket)] }
    private static let allAnswerEnds = (0...UInt8.max).map { RedisKey(bucket: $0, "answers:end", []) }

    /// Which request an idempotency key stands for.
    static func claim(tenant: String, _ key: CacheKey) -> RedisKey {
        RedisKey(bucket: bucket(of: tenant), "claim", [tenant], key)
    }

    /// The lease of who carries it out.
    static func claimLease(tenant: String, _ key: CacheKey) -> RedisKey {
        RedisKey(bucket: bucket(of: tenant), "claimed", [tenant], key)
    }

    /// Its sealed answer.
    static func repeatable(tenant: String, _ key: CacheKey) -> RedisKey {
        RedisKey(bucket: bucket(of: tenant), "repeat", [tenant], key)
    }

    /// How many bytes each of a bucket's answers to idempotency keys takes.
    static func repeatableSizes(bucket: UInt8) -> RedisKey { RedisKey(bucket: bucket, "repeats", []) }

    /// When each of them ends.
    static func repeatableEnds(bucket: UInt8) -> RedisKey { RedisKey(bucket: bucket, "repeats:end", []) }

    /// Which upstreams replicas leave alone; of no tenant.
    static let upstreams = RedisKey(bucket: 0, "upstreams", [])

    /// What was learned under a name in an hour; of no tenant, so the name's route says the bucket.
    package static func learned(_ name: LearnedName, _ hour: RouteStatistics.Hour) -> RedisKey {
        let cell = name.cell.map { "t\($0)" } ?? "a"
        return RedisKey(
            bucket: bucket(of: name.route), "learned", [name.route, name.arm, String(name.version), cell, String(hour.index)])
    }

    /// What feedback on a receipt needs.
    package static func arbitrated(tenant: String, _ id: RequestID) -> RedisKey {
        RedisKey(bucket: bucket(of: tenant), "arbitrated", [tenant, id.description])
    }

    /// A glob pattern of the keys of answers; `nil` stands for any tenant or model. No part of a key has a character that means something in it.
    static func answerPattern(bucket: UInt8, tenant: String?, model: String?) -> String {
        RedisKey(bucket: bucket, "answer", []).name + ":\(tenant.map(escaped) ?? "*"):\(model.map(escaped) ?? "*"):*"
    }

    private static func escaped(_ part: String) -> String {
        String(unsafeUninitializedCapacity: 3 * part.utf8.count) { memory in
            var writer = Writer(memory: memory)
            writer.append(part: part)
            return writer.count
        }
    }

    /// One of 256, from the tenant's id: its FNV-1a digest of 64 bits folded to 8. It can never change: counters would be left behind.
    package static func bucket(of tenant: String) -> UInt8 {
        let digest = tenant.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
        return (0..<8).reduce(0) { $0 ^ UInt8(truncatingIfNeeded: digest >> (8 * $1)) }
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
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
