import NIOCore
import SeededRandomness
import Wire

/// The client's machine with an application that sends requests, reads answers at its own pace, and gives some up.
struct SimulatedClient {
    enum Outcome: Equatable {
        case ended
        case failed(ErrorCode)
        case refused
        case cancelled
    }

    private struct Call {
        var plan: AnswerPlan
        /// How much of each piece has come.
        var received: [Int]
        var hasBegun = false
        var lastSequence: UInt64 = 0
        var hasResult = false
        /// Bytes that the application has not taken yet.
        var unconsumed = 0
        var readDelay: TimeAmount
        var nextRead = NIODeadline.distantFuture
        var cancelAt: NIODeadline?
    }

    var machine: ClientConnection
    let initialStreamCredit: Int
    private var calls: [StreamID: Call] = [:]
    private(set) var outcomes: [StreamID: Outcome] = [:]
    private var toSend: Int
    private var nextSend: NIODeadline
    private let maxRequestBytes: Int
    private(set) var isGoingAway = false
    private(set) var failure: (ErrorBody, ConnectionFailure.Origin)?
    private(set) var isClosed = false
    private(set) var textsCompared = 0

    init(random: inout SeededRandom, now: NIODeadline) {
        var settings = ClientSettings()
        settings.limits.initialStreamCredit = UInt32(random.pick([16_384, 40_000, 262_144]))
        settings.limits.initialConnectionCredit = UInt32(random.pick([16_384, 100_000, 1_048_576]))
        settings.limits.maxFrameBytes = UInt32(random.pick([8_192, 10_000, 65_536, 1_000_000]))
        settings.limits.maxMessageBytes = UInt32(random.pick([50_000, 16_777_216]))
        settings.features = random.pick([[.lz4], [.lz4, .padding], []])
        settings.common.keepAliveInterval = .seconds(Int64(random.number(2...40)))
        initialStreamCredit = Int(settings.limits.initialStreamCredit)
        toSend = random.number(1...25)
        nextSend = now
        maxRequestBytes = random.pick([100, 30_000, 30_000, 700_000])
        machine = ClientConnection(
            settings: settings, credential: "k", agent: "simulation", compressor: random.chance(70) ? LZ4Compressor() : nil, now: now)
    }

    var isIdle: Bool { toSend == 0 && calls.isEmpty }
    var openCalls: Int { calls.count }

    var nextAction: NIODeadline? {
        guard !isClosed else { return nil }
        let sending = toSend > 0 ? nextSend : nil
        let times = calls.values.flatMap { [$0.nextRead, $0.cancelAt] }.compactMap(\.self)
        return ([sending].compactMap(\.self) + times).min()
    }

    // MARK: - Events

    mutating func handleEvents(now: NIODeadline) throws {
        while let event = machine.nextEvent() {
            guard !isClosed else { throw SimulationFailure("the client told \(event) after closed") }
            try handle(event, now: now)
        }
    }

    private mutating func handle(_ event: ClientEvent, now: NIODeadline) throws {
        switch event {
        case .welcomeReceived: break
        case .beginReceived(let id, _):
            guard calls[id]?.hasBegun == false else { throw SimulationFailure("a strange BEGIN on \(id)") }
            calls[id]?.hasBegun = true
        case .deltaReceived(let id, let delta, let cost): try receive(delta, cost, id, now: now)
        case .resultReceived(let id, let result):
            guard calls[id]?.hasBegun == true, case .chat(let chat) = result.body else {
                throw SimulationFailure("a strange RESULT on \(id)")
            }
            let items = chat.choices.flatMap(\.items).map(\.data)
            guard items == calls[id]?.plan.pieces.map(\.data) else { throw SimulationFailure("another RESULT than was sent on \(id)") }
            calls[id]?.received = items.map(\.readableBytes)
            calls[id]?.hasResult = true
        case .endReceived(let id, _):
            guard let call = calls[id], call.received == call.plan.pieces.map(\.data.readableBytes), call.hasResult != call.plan.isStreamed,
                call.plan.ending == .end
            else { throw SimulationFailure("END on \(id), but the answer is not what was sent") }
            textsCompared += 1
            try end(id, .ended)
        case .errorReceived(let id, let error):
            try end(id, .failed(error.code))
        case .streamFailed(let id, let error):
            guard error.code == .answerTooLarge else { throw SimulationFailure("an answer was given up on \(id): \(error.message.string)") }
            try end(id, .failed(error.code))
        case .streamRefused(let id):
            guard calls[id]?.hasBegun == false else { throw SimulationFailure("refused after BEGIN: \(id)") }
            try end(id, .refused)
        case .goAwayReceived:
            isGoingAway = true
            toSend = 0
        case .streamsAvailable: nextSend = now
        case .failed(let error, let origin):
            failure = (error, origin)
            for id in calls.keys { outcomes[id] = .failed(error.code) }
            calls.removeAll()
        case .closed:
            isClosed = true
            guard calls.isEmpty else { throw SimulationFailure("closed with calls under way") }
        }
    }

    private mutating func receive(_ delta: Delta, _ cost: Int, _ id: StreamID, now: NIODeadline) throws {
        guard var call = calls[id], call.hasBegun, delta.sequence == call.lastSequence + 1 else {
            throw SimulationFailure("a strange DELTA on \(id)")
        }
        if delta.kind != .providerBlock, Text(validating: delta.data) == nil { throw SimulationFailure("a character was cut on \(id)") }
        let piece = Int(delta.item)
        guard call.plan.pieces.indices.contains(piece), call.received[(piece + 1)...].allSatisfy({ $0 == 0 }) else {
            throw SimulationFailure("a DELTA of another item on \(id)")
        }
        let expected = call.plan.pieces[piece].data.getSlice(
            at: call.received[piece] + call.plan.pieces[piece].data.readerIndex, length: delta.data.readableBytes)
        guard expected == delta.data else { throw SimulationFailure("another text than was sent on \(id)") }
        call.lastSequence = delta.sequence
        call.received[piece] += delta.data.readableBytes
        call.unconsumed += cost
        guard call.unconsumed <= initialStreamCredit else { throw SimulationFailure("more unread bytes than credit on \(id)") }
        if call.nextRead == .distantFuture { call.nextRead = now + call.readDelay }
        calls[id] = call
    }

    private mutating func end(_ id: StreamID, _ outcome: Outcome) throws {
        guard calls.removeValue(forKey: id) != nil, outcomes.updateValue(outcome, forKey: id) == nil else {
            throw SimulationFailure("\(id) ended twice")
        }
    }

    // MARK: - Actions

    mutating func act(now: NIODeadline, random: inout SeededRandom) throws {
        guard !isClosed else { return }
        machine.advance(to: now)
        for id in calls.keys.sorted() {
            guard let call = calls[id] else { continue }
            if let cancelAt = call.cancelAt, cancelAt <= now {
                machine.cancel(id, reason: .caller)
                try end(id, .cancelled)
            } else if call.nextRead <= now {
                machine.consumed(call.unconsumed, on: id)
                calls[id]?.unconsumed = 0
                calls[id]?.nextRead = .distantFuture
            }
        }
        if toSend > 0, nextSend <= now { try sendNext(now: now, random: &random) }
    }

    private mutating func sendNext(now: NIODeadline, random: inout SeededRandom) throws {
        let seed = random.next()
        do {
            let corpus = random.chance(50) ? Corpus.compressible : Corpus.incompressible
            let text = Corpus.slice(of: corpus, byteCount: random.size(upTo: maxRequestBytes), random: &random)
            let id = try machine.send(AnswerPlan.request(seed: seed, text: text))
            let plan = AnswerPlan(seed: seed)
            calls[id] = Call(
                plan: plan, received: plan.pieces.map { _ in 0 }, readDelay: readDelay(random: &random),
                cancelAt: random.chance(20) ? now + .milliseconds(Int64(random.number(0...800))) : nil)
            toSend -= 1
            nextSend = now + .milliseconds(Int64(random.chance(50) ? 0 : random.number(0...400)))
        } catch {
            switch error {
            // Tried again when told.
            case .tooManyStreams: nextSend = .distantFuture
            case .requestTooLarge, .goingAway, .closed, .streamsExhausted:
                toSend -= 1
            }
        }
    }

    /// Most read at once, some slowly, a few never.
    private func readDelay(random: inout SeededRandom) -> TimeAmount {
        let kind = random.number(0...99)
        if kind < 70 { return .zero }
        if kind < 97 { return .milliseconds(Int64(random.number(1...400))) }
        return .hours(10)
    }

    mutating func goAway() {
        isGoingAway = true
        toSend = 0
        machine.goAway()
    }

    /// The hanging answers are given up, so that the end can be reached.
    mutating func cancelAll() throws {
        for id in calls.keys.sorted() {
            machine.cancel(id, reason: .deadlineExceeded)
            try end(id, .cancelled)
        }
        toSend = 0
    }

    mutating func loseConnection() {
        machine.connectionLost()
        calls.removeAll()
        isClosed = true
    }
}
