package import EmbeddedStore
package import Logging
import Metrics

/// What the log and the metrics tell of the ledger's file.
package struct LedgerHealth: Sendable {
    private let logger: Logger
    private let written = Counter(label: "agentshield.ledger.written")
    private let commits = Timer(label: "agentshield.ledger.commit.duration")
    private let isUp = Gauge(label: "agentshield.ledger.up")

    package init(logger: Logger) {
        self.logger = logger
        isUp.record(1)
    }

    /// Called on the thread that writes.
    package func report(_ report: DurabilityReport) {
        switch report {
        case .committed(let count, let nanoseconds):
            written.increment(by: count)
            commits.recordNanoseconds(nanoseconds)
        case .failing(let reason):
            isUp.record(0)
            logger.error("the ledger takes no records: requests are refused until it does", metadata: ["reason": "\(reason)"])
        case .recovered:
            isUp.record(1)
            logger.notice("the ledger takes records again")
        case .lost(let count):
            logger.critical("records could not be written before the end of the process", metadata: ["count": "\(count)"])
        }
    }
}
