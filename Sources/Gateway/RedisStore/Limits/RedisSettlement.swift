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

    /// What wallets are charged.
    package struct Charge: Sendable, Equatable {
        package enum Kind: String, Sendable {
            /// In place of what is held for the request, if something is: without it, it has been charged before.
            case held
            /// Nothing is held for it.
            case direct
            /// What it cost more than the bound that its hold was charged at when it ended.
            case late
        }

        package var kind: Kind
        package var bucket: UInt8
        package var wallets: [RedisKey]
        /// Negative: something is given back.
        package var nanoUSD: Int64
        package var time: SpendingTime

        package init(_ kind: Kind, bucket: UInt8, wallets: [RedisKey], nanoUSD: Int64, time: SpendingTime) {
            self.kind = kind
            self.bucket = bucket
            self.wallets = wallets
            self.nanoUSD = nanoUSD
            self.time = time
        }

        /// What an entry of the ledger costs those who pay for it.
        package init(_ kind: Kind, of entry: LedgerEntry) {
            self.init(
                kind, bucket: RedisKey.bucket(of: entry.tenant),
                wallets: BudgetSubject.all(department: entry.department, user: entry.user).map { .wallet(tenant: entry.tenant, $0) },
                nanoUSD: entry.costNanoUSD ?? 0, time: SpendingTime(unixMilliseconds: entry.unixMilliseconds))
        }
    }

    package enum Outcome: Sendable, Equatable {
        /// - streamLength: entries in the bucket's stream, this one counted; 0 where none was appended.
        case settled(streamLength: Int)
        /// The hold had ended, and its bound was charged. Nothing but limits was settled: what is left is a correction.
        case late(boundNanoUSD: Int64)
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
    /// `nil`: no wallet is charged.
    package var charge: Charge?
    /// Names the request's leases and its hold.
    package var holder: String
    /// `nil`: no record is kept in Redis.
    package var entry: Entry?

    package init(
        corrections: [Correction] = [], leases: [RedisKey] = [], charge: Charge? = nil, holder: String = "", entry: Entry? = nil
    ) {
        self.corrections = corrections
        self.leases = leases
        self.charge = charge
        self.holder = holder
        self.entry = entry
    }

    package var isEmpty: Bool { corrections.isEmpty && leases.isEmpty && charge == nil && entry == nil }

    /// The same for a second time, where nobody knows whether the first had its effect: what must not be done twice is left out. An estimate that is not
    /// corrected grows back; an entry that is there twice is known by its id; a hold that was settled is not there any more.
    package var repeated: RedisSettlement {
        var repeated = self
        repeated.corrections = []
        if repeated.charge?.kind == .direct { repeated.charge = nil }
        return repeated
    }

    /// What is left of a settlement that came too late.
    ///
    /// - Parameter bound: what was charged instead, in nano-USD.
    package func correction(of entry: LedgerEntry, bound: Int64) -> (settlement: RedisSettlement, entry: LedgerEntry)? {
        guard case .request(let record) = entry, var charge else { return nil }
        let correction = LedgerEntry.correction(LedgerCorrection(settledLate: record, bound: bound))
        charge.kind = .late
        charge.nanoUSD = correction.costNanoUSD ?? 0
        return (
            RedisSettlement(
                charge: charge, holder: holder,
                entry: Entry(stream: LedgerStream(bucket: charge.bucket), bytes: correction.encoded())), correction
        )
    }

    /// Writes the command.
    ///
    /// - Parameter microseconds: the time since 1970, for tests; `nil`: Redis' clock.
    package func encode(into command: inout RedisCommand, now microseconds: Int64? = nil) {
        command.restart(RedisLimitScripts.settle, keyCount: keyCount)
        for correction in corrections { command.append(correction.key) }
        for lease in leases { command.append(lease) }
        if let charge {
            command.append(RedisKey.holds(bucket: charge.bucket))
            command.append(RedisKey.held(bucket: charge.bucket))
            command.append(RedisKey.late(bucket: charge.bucket, holder))
            for wallet in charge.wallets { command.append(wallet) }
        }
        if let entry { command.append(entry.stream.key) }
        command.append(microseconds ?? 0)
        command.append(Int64(corrections.count))
        command.append(holder)
        command.append(Int64(leases.count))
        command.append(Int64(charge?.wallets.count ?? 0))
        command.append(charge?.kind.rawValue ?? "")
        command.append(charge?.nanoUSD ?? 0)
        command.append(Int64(charge?.time.day ?? 0))
        command.append(Int64(charge?.time.month ?? 0))
        for correction in corrections {
            let bound = Int64(clamping: correction.limit.burst) * 2
            command.append(correction.limit.emissionIntervalNanoseconds)
            command.append(Int64(clamping: correction.limit.burst))
            // Nothing beyond two bursts has an effect, and within them the script counts exactly.
            command.append(min(bound, max(-bound, correction.permits)))
        }
        if let entry { command.append(entry.bytes) }
    }

    private var keyCount: Int { corrections.count + leases.count + (charge.map { 3 + $0.wallets.count } ?? 0) + (entry == nil ? 0 : 1) }

    /// - Returns: `nil`: the reply is not the script's.
    package static func outcome(of reply: RedisReply) -> Outcome? {
        reply.value.integer.map { $0 < 0 ? .late(boundNanoUSD: -1 - $0) : .settled(streamLength: Int($0)) }
    }
}
