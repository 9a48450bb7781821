import DequeModule
import NIOConcurrencyHelpers

/// Answers calls in this process, each in a task of its own: a program's tests need no gateway.
final class InProcessTransport: ClientTransport {
    private struct State {
        var running: [UInt64: RunningCall] = [:]
        var nextCall: UInt64 = 0
        var isShutDown = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private struct RunningCall {
        var mailbox: AnswerMailbox
        var task: Task<Void, Never>?
    }

    private struct Control: CallControl {
        let transport: InProcessTransport
        let call: UInt64
        let gate: AnswerGate

        func consumed(_ bytes: Int) { gate.open() }

        func abandon() { transport.cancel(call) }
    }

    private let state = NIOLockedValueBox(State())
    private let models: [Model]
    private let embeddings: (@Sendable (EmbeddingsRequest) async throws -> [[Float]])?
    private let handler: @Sendable (InProcessCall) async throws -> Void

    init(
        models: [Model], embeddings: (@Sendable (EmbeddingsRequest) async throws -> [[Float]])?,
        handler: @escaping @Sendable (InProcessCall) async throws -> Void
    ) {
        self.models = models
        self.embeddings = embeddings
        self.handler = handler
    }

    func begin(_ call: OutgoingCall) -> AnswerMailbox {
        let number = state.withLockedValue { state -> UInt64 in
            state.nextCall += 1
            return state.nextCall
        }
        let gate = AnswerGate()
        let mailbox = AnswerMailbox(
            control: Control(transport: self, call: number, gate: gate), reportThreshold: 1, onEnd: call.onEnd)
        let isAccepted = state.withLockedValue { state -> Bool in
            guard !state.isShutDown else { return false }
            state.running[number] = RunningCall(mailbox: mailbox)
            return true
        }
        guard isAccepted else {
            mailbox.fail(AgentShieldError(.clientShutDown, "the client was shut down"))
            return mailbox
        }
        let task = Task {
            await self.answer(call, number, mailbox, gate)
            self.ended(number)
        }
        state.withLockedValue { $0.running[number]?.task = task }
        return mailbox
    }

    private func answer(_ call: OutgoingCall, _ number: UInt64, _ mailbox: AnswerMailbox, _ gate: AnswerGate) async {
        switch call.operation {
        case .models:
            mailbox.put(.models(models))
            mailbox.finish(AnswerHead(), AnswerSummary())
        case .feedback: mailbox.fail(AgentShieldError(.notArbitrated, "answers in the process are not chosen among models"))
        case .resume: mailbox.fail(AgentShieldError(.resumeUnavailable, "answers in the process have no connection to lose"))
        case .embeddings(let request):
            await run(call, number, mailbox) {
                guard let embeddings = self.embeddings else {
                    throw AgentShieldError(.unsupported, "the in-process client was given nothing that makes embeddings")
                }
                mailbox.put(.embeddings(try await embeddings(request)))
                mailbox.finishOnce(AnswerSummary())
            }
        case .chat(let request, _):
            let scripted = InProcessCall(request: request, options: call.options, mailbox: mailbox, gate: gate)
            await run(call, number, mailbox) {
                try await self.handler(scripted)
                scripted.finish(AnswerSummary())
            }
        }
    }

    /// Runs the program's own code until the call's deadline.
    private func run(
        _ call: OutgoingCall, _ number: UInt64, _ mailbox: AnswerMailbox, _ body: @Sendable () async throws -> Void
    ) async {
        let timer = Task {
            try await Task.sleep(for: call.deadline)
            mailbox.fail(AgentShieldError(.deadlineExceeded, "the call's deadline passed"))
            self.cancel(number)
        }
        defer { timer.cancel() }
        do {
            try await body()
        } catch let error as AgentShieldError {
            mailbox.fail(error)
        } catch {
            mailbox.fail(AgentShieldError(.internalError, "the in-process handler failed"))
        }
    }

    private func ended(_ number: UInt64) {
        let waiters = state.withLockedValue { state -> [CheckedContinuation<Void, Never>] in
            state.running.removeValue(forKey: number)
            guard state.isShutDown, state.running.isEmpty else { return [] }
            defer { state.waiters.removeAll() }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    private func cancel(_ number: UInt64) {
        state.withLockedValue { $0.running[number]?.task }?.cancel()
    }

    func shutdown(within grace: Duration) async {
        release()
        let timer = Task {
            try await Task.sleep(for: grace)
            for call in self.state.withLockedValue({ Array($0.running.values) }) {
                call.mailbox.fail(AgentShieldError(.clientShutDown, "the client was shut down"))
                call.task?.cancel()
            }
        }
        await withCheckedContinuation { continuation in
            let isOver = state.withLockedValue { state -> Bool in
                guard !state.running.isEmpty else { return true }
                state.waiters.append(continuation)
                return false
            }
            if isOver { continuation.resume() }
        }
        timer.cancel()
    }

    func release() {
        state.withLockedValue { $0.isShutDown = true }
    }
}

/// Holds a handler back until its last piece was read.
final class AnswerGate: Sendable {
    private struct State {
        var isOpen = true
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = NIOLockedValueBox(State())

    func close() {
        state.withLockedValue { $0.isOpen = false }
    }

    func open() {
        let waiter = state.withLockedValue { state -> CheckedContinuation<Void, Never>? in
            state.isOpen = true
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    /// Returns when the gate is open, or the task was cancelled.
    func pass() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOpen = state.withLockedValue { state -> Bool in
                    guard !state.isOpen, state.waiter == nil, !Task.isCancelled else { return true }
                    state.waiter = continuation
                    return false
                }
                if isOpen { continuation.resume() }
            }
        } onCancel: {
            open()
        }
    }
}
