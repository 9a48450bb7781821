import NIOConcurrencyHelpers

/// What happened, in order, and a way to wait until something has.
final class Recorder<Element: Sendable>: Sendable {
    private struct Waiter {
        var condition: @Sendable ([Element]) -> Bool
        var continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var elements: [Element] = []
        var waiters: [Waiter] = []
    }

    private let state = NIOLockedValueBox(State())

    var elements: [Element] { state.withLockedValue { $0.elements } }

    func add(_ element: Element) {
        let met = state.withLockedValue { state -> [Waiter] in
            state.elements.append(element)
            let met = state.waiters.filter { $0.condition(state.elements) }
            let elements = state.elements
            state.waiters.removeAll { $0.condition(elements) }
            return met
        }
        for waiter in met { waiter.continuation.resume() }
    }

    /// Returns when the condition holds.
    func wait(until condition: @escaping @Sendable ([Element]) -> Bool) async {
        await withCheckedContinuation { continuation in
            let isMet = state.withLockedValue { state -> Bool in
                guard !condition(state.elements) else { return true }
                state.waiters.append(Waiter(condition: condition, continuation: continuation))
                return false
            }
            if isMet { continuation.resume() }
        }
    }
}
