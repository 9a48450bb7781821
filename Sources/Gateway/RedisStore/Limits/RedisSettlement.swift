package import GatewayCore
import NIOCore

/// What is settled when a request is over, in one script: estimates are corrected, leases are released, and its record is appended to its bucket's
/// stream.
package struct RedisSettlement: Sendable {
    /// What a settled request gives back or takes in addition.
    package struct Correction: Sendable, Equatable {
        package var key: RedisKey
        package var limit: RateLimit
        /// Positive: more was used than was taken.
        package var permits: Int64

        package init(key: RedisKey, limit: RateLimit, permits: Int64) {
            self.key = key
            self.limit = limit
            self.permits = permits
        }
    }

    package struct Entry: Sendable, Equatable {
        package var stream: LedgerStream
        /// The record, encoded.
        package var bytes: [UInt8]

        package init(stream: LedgerStream, bytes: [UInt8]) {
            self.stream = stream
            self.bytes = bytes
        }
    }

    /// Of one tenant, as everything here.
    package var corrections: [Correction]
    package var leases: [RedisKey]
    /// Names the request's leases.
    package var holder: String
    /// `nil`: no record is kept in Redis.
    package var entry: Entry?

    package init(corrections: [Correction] = [], leases: [RedisKey] = [], holder: String = "", entry: Entry? = nil) {
        self.corrections = corrections
        self.leases = leases
        self.holder = holder
        self.entry = entry
    }

    package var isEmpty: Bool { corrections.isEmpty && leases.isEmpty && entry == nil }

    /// The same for a second time, where nobody knows whether the first had its effect: what must not be done twice is left out. An estimate that is not
    /// corrected grows back; an entry that is there twice is known by its id.
    package var repeated: RedisSettlement {
        var repeated = self
        repeated.corrections = []
        return repeated
    }

    /// Writes the command.
    ///
    /// - Parameter microseconds: the time since 1970, for tests; `nil`: Redis' clock.
    package func encode(into command: inout RedisCommand, now microseconds: Int64? = nil) {
        command.restart(RedisLimitScripts.settle, keyCount: corrections.count + leases.count + (entry == nil ? 0 : 1))
        for correction in corrections { command.append(correction.key) }
        for lease in leases { command.append(lease) }
        if let entry { command.append(entry.stream.key) }
        command.append(microseconds ?? 0)
        command.append(Int64(corrections.count))
        command.append(holder)
        command.append(Int64(leases.count))
        for correction in corrections {
            let bound = Int64(clamping: correction.limit.burst) * 2
            command.append(correction.limit.emissionIntervalNanoseconds)
            command.append(Int64(clamping: correction.limit.burst))
            // Nothing beyond two bursts has an effect, and within them the script counts exactly.
            command.append(min(bound, max(-bound, correction.permits)))
        }
        if let entry { command.append(ByteBuffer(bytes: entry.bytes)) }
    }

    /// - Returns: entries in the bucket's stream, this one counted; 0 where none was appended. `nil`: the reply is not the script's.
    package static func streamLength(_ reply: RedisReply) -> Int? {
        reply.value.integer.map { Int($0) }
    }
}
