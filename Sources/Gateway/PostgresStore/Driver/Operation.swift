/// A conversation and whom to tell of its end, without its type.
///
/// `@unchecked Sendable`: handed over once, from who submits it to the driver's thread, and only used there.
final class Operation: @unchecked Sendable {
    let id: UInt64
    let timeout: Duration
    let isRepeatable: Bool
    let weight: Int
    /// Starts the conversation, from the beginning if it was started before. `nil`: it ended without a step.
    private(set) var start: () -> Step? = { nil }
    /// What to send after a step's result; `nil`: it has ended.
    private(set) var next: (Result<StatementResult, PostgresError>) -> Step? = { _ in nil }
    /// The failure that it ended with; `nil`: it ended well.
    private(set) var failure: () -> PostgresError? = { nil }
    /// Tells the outcome, or the failure of the driver that took its place.
    private(set) var complete: (PostgresError?) -> Void = { _ in }

    init<C: Conversation>(
        id: UInt64, _ conversation: C, timeout: Duration, isRepeatable: Bool,
        completion: @escaping @Sendable (Result<C.Output, PostgresError>) -> Void
    ) {
        self.id = id
        self.timeout = timeout
        self.isRepeatable = isRepeatable
        weight = conversation.weight
        var current = conversation
        var outcome: Result<C.Output, PostgresError>?
        func move(_ previous: Result<StatementResult, PostgresError>?) -> Step? {
            switch current.next(after: previous) {
            case .send(let step): return step
            case .end(let result):
                outcome = result
                return nil
            }
        }
        start = {
            current = conversation
            outcome = nil
            return move(nil)
        }
        next = { move($0) }
        failure = { if case .failure(let error) = outcome { error } else { nil } }
        complete = { error in
            completion(error.map { .failure($0) } ?? outcome ?? .failure(.malformed("a conversation without an end")))
        }
    }
}
