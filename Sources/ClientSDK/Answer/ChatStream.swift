/// A streamed answer. To be iterated once.
///
/// The request is on its way when this value exists. Iteration is what makes the gateway send more: a reader that pauses stops
/// the provider of this answer, and nobody else's. Breaking off the loop, cancelling its task or dropping the stream cancels the
/// request at the provider.
///
/// Iteration throws ``AgentShieldError``, or `CancellationError` if the task was cancelled.
public struct ChatStream: AsyncSequence, Sendable {
    public typealias Element = ChatEvent

    private let lease: CallLease
    private let maxAnswerBytes: Int

    init(_ mailbox: AnswerMailbox, maxAnswerBytes: Int) {
        lease = CallLease(mailbox)
        self.maxAnswerBytes = maxAnswerBytes
    }

    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(lease: CallLease(lease.mailbox, of: lease))
    }

    /// Where another client can go on, behind the last event that was read; `nil` before the first. Only an answer whose request was
    /// ``CallOptions/isResumable`` goes on without its connection, and only for some time.
    public var resumePoint: ResumePoint? { lease.mailbox.point }

    /// Waits for the end and returns the whole answer.
    public func collect() async throws -> ChatAnswer {
        var accumulator = AnswerAccumulator(maxBytes: maxAnswerBytes)
        for try await event in self {
            if let answer = try accumulator.add(event) { return answer }
        }
        throw AgentShieldError(.protocolError, "the stream was already read")
    }

    public struct AsyncIterator: AsyncIteratorProtocol {
        private let lease: CallLease
        private var isFinished = false

        init(lease: CallLease) {
            self.lease = lease
        }

        /// `nil` after ``ChatEvent/finish(_:)``.
        public mutating func next() async throws -> ChatEvent? {
            try await next(isolation: nil)
        }

        public mutating func next(isolation actor: isolated (any Actor)?) async throws -> ChatEvent? {
            guard !isFinished else { return nil }
            do {
                while let piece = try await lease.mailbox.next(isolation: actor) {
                    guard case .event(let event) = piece else { continue }
                    if case .finish = event { isFinished = true }
                    return event
                }
                isFinished = true
                return nil
            } catch {
                isFinished = true
                throw error
            }
        }
    }
}

/// A place in a streamed answer, to be kept by a program that may be ended in the middle of it: ``AgentShieldClient/resume(_:options:)`` goes on from
/// there.
public struct ResumePoint: Sendable, Hashable, Codable {
    public var responseID: String
    /// Of the last piece that was read; 0: none was.
    public var sequence: UInt64

    public init(responseID: String, sequence: UInt64) {
        self.responseID = responseID
        self.sequence = sequence
    }
}

/// Gives the call up when the last of its owners has gone.
final class CallLease: Sendable {
    let mailbox: AnswerMailbox
    /// What an iterator was made of: a stream that only its iterator still knows is not given up.
    private let parent: CallLease?

    init(_ mailbox: AnswerMailbox, of parent: CallLease? = nil) {
        self.mailbox = mailbox
        self.parent = parent
    }

    deinit {
        mailbox.abandon()
    }
}
