package import EmbeddedStore
import GatewayCore
package import Logging
import Metrics
import NIOConcurrencyHelpers
import NIOCore
package import RedisStore

/// What the log and the metrics tell of the ledger's file, its spool and its mover. Of each no more than two lines in ten seconds say that it fails and works again.
package struct LedgerHealth: Sendable {
    private let logger: Logger
    private let file = NIOLockedValueBox(OutageLog())
    private let spool = NIOLockedValueBox(OutageLog())
    private let mover = NIOLockedValueBox(OutageLog())
    private let written = Counter(label: "agentshield.ledger.written")
    private let commits = Timer(label: "agentshield.ledger.commit.duration")
    private let isUp = Gauge(label: "agentshield.ledger.up")
    private let spooled = Counter(label: "agentshield.ledger.spooled")
    private let moved = Counter(label: "agentshield.ledger.moved")
    private let dead = Counter(label: "agentshield.ledger.dead_letters")
    private let unreadable = Counter(label: "agentshield.ledger.unreadable")
    private let isMoving = Gauge(label: "agentshield.ledger.mover_up")

    package init(logger: Logger) {
        self.logger = logger
        isUp.record(1)
        isMoving.record(1)
    }

    /// Called on the thread that writes the file.
    package func report(_ report: DurabilityReport) {
        switch report {
        case .committed(let count, let nanoseconds):
            written.increment(by: count)
            commits.recordNanoseconds(nanoseconds)
        case .failing(let reason):
            isUp.record(0)
            guard file.withLockedValue({ $0.failed(now: .now()) }) else { return }
            logger.error("the ledger takes no records: requests are refused until it does", metadata: ["reason": "\(reason)"])
        case .recovered:
            isUp.record(1)
            if file.withLockedValue({ $0.worked(now: .now()) }) { logger.notice("the ledger takes records again") }
        case .lost(let count):
            logger.critical("records could not be written before the end of the process", metadata: ["count": "\(count)"])
        }
    }

    /// Called on the thread that writes the spool.
    package func reportSpool(_ report: DurabilityReport) {
        switch report {
        case .committed(let count, _): spooled.increment(by: count)
        case .failing(let reason):
            guard spool.withLockedValue({ $0.failed(now: .now()) }) else { return }
            logger.error("the spool takes no records: requests are refused until it does", metadata: ["reason": "\(reason)"])
        case .recovered: if spool.withLockedValue({ $0.worked(now: .now()) }) { logger.notice("the spool takes records again") }
        case .lost(let count):
            logger.critical("records could not be spooled before the end of the process", metadata: ["count": "\(count)"])
        }
    }

    /// Called by the mover.
    package func report(_ report: MoverReport) {
        switch report {
        case .moved(let move):
            moved.increment(by: move.appended)
            guard move.dead > 0 else { return }
            dead.increment(by: move.dead)
            logger.error("the ledger refused records: they are among the dead letters", metadata: ["count": "\(move.dead)"])
        case .unreadable(let count):
            unreadable.increment(by: count)
            logger.warning("records in Redis that this version cannot read stay there", metadata: ["count": "\(count)"])
        case .failing(let reason):
            isMoving.record(0)
            guard mover.withLockedValue({ $0.failed(now: .now()) }) else { return }
            logger.warning("records wait in Redis: they cannot be moved to the ledger", metadata: ["reason": "\(reason)"])
        case .recovered:
            isMoving.record(1)
            if mover.withLockedValue({ $0.worked(now: .now()) }) { logger.notice("records are moved to the ledger again") }
        }
    }
}
