package import GatewayCrypto

extension Configuration {
    /// Where the record of requests is kept.
    package struct Ledger: Sendable, Equatable {
        /// The path of a SQLite file; `nil`: in memory.
        package var file: String?
        /// Under which rows are chained.
        package var chainSecret: Secret
        /// How long the end of an answer waits for its record.
        package var timeout: Duration
        /// Records that may wait for the disk.
        package var maxWaiting: Int
        package var withoutStore: LedgerFallback
        /// The folder for records that Redis cannot take.
        package var spool: String?
        package var maxSpoolBytes: Int
        /// Entries in one stream of Redis.
        package var maxStreamLength: Int
    }

    /// What happens to records while Redis is away.
    package enum LedgerFallback: String, Sendable, CaseIterable {
        case refuse, spool
    }
}
