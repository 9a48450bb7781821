import DequeModule
import NIOConcurrencyHelpers
package import NIOCore
import NIOPosix

/// Someone who waits until something is durable.
package struct DurabilityWaiter: Sendable {
    /// Where it is told; `nil`: on the thread that writes, which must not be held up.
    package var eventLoop: (any EventLoop)?
    /// Called once, with whether it is durable. It is not where the process ends before it could be.
    package var notify: @Sendable (Bool) -> Void

    package init(eventLoop: (any EventLoop)?, notify: @escaping @Sendable (Bool) -> Void) {
        self.eventLoop = eventLoop
        self.notify = notify
    }
}

/// What a file of records says of itself, on its own thread.
package enum DurabilityReport: Sendable, Equatable {
    /// So many writes became durable together, and how long that took.
    case committed(count: Int, nanoseconds: Int64)
    /// Writes fail; they are tried again until they do not. Told at each try.
    case failing(String)
    case recovered
    /// The process ends, and so many writes could not be made.
    case lost(count: Int)
}

/// Writes to a disk, made durable together: while one commit waits for the disk, the writes that come gather for the next.
///
/// One thread makes them, in their order. A commit that fails is tried again, and nothing is taken out of the queue before it is durable. Whoever
/// appends asks ``isAccepting`` first, while refusing costs nothing; what was begun before is always taken, so the bound is the mark and the requests
/// under way.
final class GroupCommit<Write: Sendable>: Sendable {
    struct Settings: Sendable {
        /// Writes in the queue from which on nothing new should begin.
        var mark = 10_000
        /// In one commit.
        var maxBatch = 1_000
        var retryMilliseconds = 250
        /// How long a process that ends tries on.
        var closingTime = TimeAmount.seconds(5)
    }

    private struct State {
        var waiting: Deque<(write: Write, waiter: DurabilityWaiter?)> = []
        var isDraining = false
        var failure: String?
        /// When a closing process gives up.
        var closesAt: NIODeadline?
    }

    private let state = NIOLockedValueBox(State())
    private let threads = NIOThreadPool(numberOfThreads: 1)
    private let settings: Settings
    private let commit: @Sendable ([Write]) throws(SQLiteError) -> Void
    private let report: @Sendable (DurabilityReport) -> Void

    /// - Parameter commit: makes all of the writes durable, or none. Called on one thread.
    init(
        settings: Settings, commit: @escaping @Sendable ([Write]) throws(SQLiteError) -> Void,
        report: @escaping @Sendable (DurabilityReport) -> Void
    ) {
        self.settings = settings
        self.commit = commit
        self.report = report
        threads.start()
    }

    /// Whether something new may begin: the disk takes writes, and not too many wait.
    var isAccepting: Bool { state.withLockedValue { $0.failure == nil && $0.waiting.count < settings.mark && $0.closesAt == nil } }

    var count: Int { state.withLockedValue { $0.waiting.count } }

    /// Appends a write. Blocks nobody.
    func append(_ write: Write, waiter: DurabilityWaiter?) {
        let isFirst = state.withLockedValue { state in
            state.waiting.append((write, waiter))
            defer { state.isDraining = true }
            return !state.isDraining
        }
        if isFirst { threads.submit { [self] in if $0 == .active { drain() } } }
    }

    /// Makes what waits durable, as long as the time lasts, and ends the thread.
    func close() async {
        state.withLockedValue { $0.closesAt = .now() + settings.closingTime }
        // Jobs run in their order: this one when nothing is drained any more.
        try? await threads.runIfActive {}
        let lost = state.withLockedValue { state in
            defer { state.waiting.removeAll() }
            return Array(state.waiting)
        }
        tell(lost.compactMap(\.waiter), isDurable: false)
        if !lost.isEmpty { report(.lost(count: lost.count)) }
        try? await threads.shutdownGracefully()
    }

    // MARK: on the thread

    private func drain() {
        while let batch = nextBatch() {
            let began = NIODeadline.now()
            do throws(SQLiteError) {
                try commit(batch.map(\.write))
                succeeded(batch, (NIODeadline.now() - began).nanoseconds)
            } catch {
                guard failed(error) else { return }
                threadSleep(milliseconds: settings.retryMilliseconds)
            }
        }
    }

    private func nextBatch() -> [(write: Write, waiter: DurabilityWaiter?)]? {
        state.withLockedValue { state in
            guard !state.waiting.isEmpty else {
                state.isDraining = false
                return nil
            }
            return Array(state.waiting.prefix(settings.maxBatch))
        }
    }

    private func succeeded(_ batch: [(write: Write, waiter: DurabilityWaiter?)], _ nanoseconds: Int64) {
        let hasRecovered = state.withLockedValue { state in
            state.waiting.removeFirst(batch.count)
            defer { state.failure = nil }
            return state.failure != nil
        }
        tell(batch.compactMap(\.waiter), isDurable: true)
        if hasRecovered { report(.recovered) }
        report(.committed(count: batch.count, nanoseconds: nanoseconds))
    }

    private func tell(_ waiters: [DurabilityWaiter], isDurable: Bool) {
        // One wake-up for each loop.
        var byLoop: [ObjectIdentifier: (loop: any EventLoop, waiters: [DurabilityWaiter])] = [:]
        for waiter in waiters {
            guard let loop = waiter.eventLoop else {
                waiter.notify(isDurable)
                continue
            }
            byLoop[ObjectIdentifier(loop), default: (loop, [])].waiters.append(waiter)
        }
        for (loop, waiters) in byLoop.values {
            loop.execute { for waiter in waiters { waiter.notify(isDurable) } }
        }
    }

    /// - Returns: whether to try again.
    private func failed(_ error: SQLiteError) -> Bool {
        let reason = "\(error.message) (\(error.code))"
        let goesOn = state.withLockedValue { state in
            state.failure = reason
            let goesOn = state.closesAt.map { NIODeadline.now() < $0 } ?? true
            if !goesOn { state.isDraining = false }
            return goesOn
        }
        report(.failing(reason))
        return goesOn
    }
}
