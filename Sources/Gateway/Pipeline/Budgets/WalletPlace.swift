import EmbeddedStore
import GatewayCore
import NIOCore
import RedisStore

/// Where spending is counted: beside the ledger that it must agree with.
enum WalletPlace {
    /// There is no durable ledger: requests with a budget are refused.
    case none
    /// In this process, whose ledger is a file.
    case process(EmbeddedLimiter, LedgerFile)
    /// In Redis, through which records travel.
    case redis
}

extension Fault {
    /// No answer of Redis, and a budget applies.
    static let budgetsUnknown = Fault(
        .overloaded, origin: .gateway,
        message:
            "The store of budgets does not answer, and requests with a budget are refused until it does. Nothing was done; try again shortly.",
        retryAfterMilliseconds: 1_000)

    static let budgetsWithoutLedger = Fault(
        .ledgerUnavailable, origin: .gateway,
        message: """
            A budget is set for this request, and this gateway has no durable ledger to count by: name `ledger.file`, or Redis and DATABASE_URL. \
            Nothing was done.
            """,
        retryAfterMilliseconds: 1_000)
}
