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
    }
}
