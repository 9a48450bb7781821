import NIOCore
import SeededRandomness
import Wire

/// The server's machine with an application that answers as each request's plan says.
struct SimulatedServer {
    final class Budget: RequestAdmission {
        private(set) var reserved = 0
        let limit: Int

        init(limit: Int) {
            self.limit = limit
        }

        func reserve(_ bytes: Int) -> Bool {
            guard reserved + bytes <= limit else { return false }
            reserved += bytes
            return true
        }

        func release(_ bytes: Int) {
            reserved -= bytes
        }
    }

    private struct Work {
        var plan: AnswerPlan
        var nextPiece = 0
        var due: NIODeadline
        var hasBegun = false
        var isPaused = false
    }

    var machine: ServerConnection
    let budget: Budget
    let maxOutboundBytes: Int
    private var work: [StreamID: Work] = [:]
    private var ended: Set<StreamID> = []
    private(set) var failure: (ErrorBody, ConnectionFailure.Origin)?
    private(set) var isClosed = false
    private(set) var refused = 0
    private(set) var aborted = 0
    private var acceptAt: NIODeadline?
    private let acceptDelay: TimeAmount

    init(random: inout SeededRandom, now: NIODeadline) {
        var settings = ServerSettings()
        settings.limits.maxConcurrentStreams = UInt32(random.pick([1, 3, 20, 256]))
        settings.limits.maxMessageBytes = UInt32(random.pick([20_000, 1_000_000, 16_777_216]))
        settings.limits.initialStreamCredit = UInt32(random.pick([0, 262_144, 400_000]))
        settings.limits.maxFrameBytes = UInt32(random.pick([0, 65_536, 200_000]))
        settings.features = random.chance(20) ? [.padding] : []
        settings.common.maxOutboundBytes = random.pick([1_000, 65_536, 262_144])
        settings.common.keepAliveInterval = .seconds(Int64(random.number(2...40)))
        settings.stallTimeout = .seconds(20)
        settings.maxQueuedBytesPerStream = random.pick([100_000, 1_048_576])
        settings.maxInFlightRequestBytes = random.pick([400_000, 33_554_432])
        budget = Budget(limit: random.pick([500_000, 100_000_000]))
        maxOutboundBytes = settings.common.maxOutboundBytes
        acceptDelay = .milliseconds(Int64(random.pick([0, 0, 300])))
        machine = ServerConnection(
            settings: settings, compressor: random.chance(70) ? LZ4Compressor() : nil, admission: budget, now: now)
    }

    var openAnswers: Int { work.count }

    var nextAction: NIODeadline? {
        let due = work.values.filter { !$0.isPaused }.map(\.due).min()
        return [due, acceptAt].compactMap(\.self).min()
    }

    mutating func handleEvents(now: NIODeadline) throws {
        while let event = machine.nextEvent() {
            guard !isClosed else { throw SimulationFailure("the server told \(event) after closed") }
            try handle(event, now: now)
        }
    }

    private mutating func handle(_ event: ServerEvent, now: NIODeadline) throws {
        switch event {
        case .helloReceived: acceptAt = now + acceptDelay
        case .requestReceived(let id, let request):
            guard let seed = AnswerPlan.seed(of: request), work[id] == nil else { throw SimulationFailure("a strange request on \(id)") }
            work[id] = Work(plan: AnswerPlan(seed: seed), due: now)
        case .requestRefused(let id, _):
            refused += 1
            guard work[id] == nil else { throw SimulationFailure("refused after it was received: \(id)") }
        case .cancelReceived(let id, _):
            guard work.removeValue(forKey: id) != nil else { throw SimulationFailure("CANCEL of unknown work \(id)") }
        case .streamWritable(let id):
            guard work[id] != nil else { throw SimulationFailure("writable without work \(id)") }
            guard machine.isWritable(id) else { throw SimulationFailure("told writable, but is not: \(id)") }
            work[id]?.isPaused = false
        case .streamAborted(let id, _):
            aborted += 1
            // One whose answer did not fit was aborted by the call that sent it; its end followed before the event.
            guard work.removeValue(forKey: id) != nil || ended.contains(id) else { throw SimulationFailure("aborted unknown work \(id)") }
        case .goAwayReceived: break
        case .failed(let error, let origin):
            failure = (error, origin)
            work.removeAll()
        case .closed:
            isClosed = true
            guard work.isEmpty else { throw SimulationFailure("closed with work under way") }
        }
    }

    mutating func act(now: NIODeadline) {
        machine.advance(to: now)
        if let time = acceptAt, time <= now {
            acceptAt = nil
            machine.accept(region: "eu", replicaID: "r1", serverVersion: "1")
        }
        for id in work.keys.sorted() {
            while let item = work[id], !item.isPaused, item.due <= now { step(id, item, now: now) }
        }
    }

    private mutating func step(_ id: StreamID, _ item: Work, now: NIODeadline) {
        let plan = item.plan
        if !item.hasBegun {
            work[id]?.hasBegun = true
            machine.sendBegin(Begin(responseID: Text("resp-\(id)"), model: "m"), on: id)
            return
        }
        if plan.isStreamed, item.nextPiece < plan.pieces.count {
            let piece = plan.pieces[item.nextPiece]
            machine.sendDelta(Delta(item: UInt32(item.nextPiece), kind: piece.kind, data: piece.data), on: id)
            work[id]?.nextPiece += 1
            work[id]?.due = now + .milliseconds(Int64(piece.delayMilliseconds))
            if plan.heedsBackPressure, machine.openStreams > 0, !machine.isWritable(id) { work[id]?.isPaused = true }
            return
        }
        switch plan.ending {
        case .never: work[id]?.due = .distantFuture
        case .error:
            machine.sendError(ErrorBody(code: .streamBroken, message: "as planned", retryable: true), on: id)
            work[id] = nil
            ended.insert(id)
        case .end:
            if !plan.isStreamed {
                let items = plan.pieces.map { Item(kind: $0.kind, data: $0.data) }
                machine.sendResult(ResultBody(.chat(ChatResult(choices: [Choice(items: items)]))), on: id)
            }
            machine.sendEnd(End(finishes: [Finish(reason: .stop)], attempts: 1), on: id)
            work[id] = nil
            ended.insert(id)
        }
    }
}
