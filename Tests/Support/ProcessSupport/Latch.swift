import Synchronization

/// A value that is set once and waited for.
final class Latch<Value: Sendable>: Sendable {
    private struct State {
        var value: Value?
        var nextWaiter = 0
        var waiters: [Int: CheckedContinuation<Value?, Never>] = [:]
        /// Waiters whose time was up before they began to wait.
        var expired: Set<Int> = []
    }

    private let state = Mutex(State())

    var value: Value? { state.withLock { $0.value } }

    func set(_ value: Value) {
        let waiters = state.withLock { state in
            guard state.value == nil else { return [CheckedContinuation<Value?, Never>]() }
            state.value = value
            defer { state.waiters.removeAll() }
            return Array(state.waiters.values)
        }
        waiters.forEach { $0.resume(returning: value) }
    }

    /// - Returns: `nil` when the time is up or the task is cancelled first.
    func wait(timeout: Duration) async -> Value? {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        let timer = Task { [self] in
            // Cancelled when the value comes first.
            try? await Task.sleep(for: timeout)
            giveUp(id)
        }
        defer { timer.cancel() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.value != nil || state.expired.remove(id) != nil { return true }
                    state.waiters[id] = continuation
                    return false
                }
                if isOver {
                    continuation.resume(returning: value)
                }
            }
        } onCancel: {
            giveUp(id)
        }
    }

    private func giveUp(_ id: Int) {
        let waiter = state.withLock { state in
            let waiter = state.waiters.removeValue(forKey: id)
            if waiter == nil, state.value == nil {
                state.expired.insert(id)
            }
            return waiter
        }
        waiter?.resume(returning: nil)
    }
}
