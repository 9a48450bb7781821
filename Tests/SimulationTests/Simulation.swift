import NIOCore
import SeededRandomness
import Wire

/// One client and one server in one thread, with virtual time and a link that cuts, delays and breaks; all from one seed.
struct Simulation {
    struct Report {
        var outcomes: [StreamID: SimulatedClient.Outcome]
        var frames: Int
        var compressedFrames: Int
        var textsCompared: Int
        var wasCut: Bool
        var wasDrained: Bool
        var refused: Int
        var aborted: Int
    }

    private enum Interruption {
        case none
        case cut(NIODeadline)
        case serverDrain(NIODeadline, within: TimeAmount)
        case clientLeaves(NIODeadline)

        var time: NIODeadline? {
            switch self {
            case .none: nil
            case .cut(let time), .serverDrain(let time, _), .clientLeaves(let time): time
            }
        }
    }

    /// After this, what still hangs is cancelled by the client.
    private static let patience = TimeAmount.seconds(90)
    private static let limit = TimeAmount.minutes(30)

    private var random: SeededRandom
    private var now = NIODeadline.uptimeNanoseconds(0)
    private var client: SimulatedClient
    private var server: SimulatedServer
    private var toServer: SimulatedLink
    private var toClient: SimulatedLink
    private var tap = WireTap()
    private var interruption: Interruption
    private var giveUpAt: NIODeadline?
    private var wasCut = false
    private var wasDrained = false

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
        toServer = SimulatedLink(random: &random)
        toClient = SimulatedLink(random: &random)
        client = SimulatedClient(random: &random, now: now)
        server = SimulatedServer(random: &random, now: now)
        let time = now + .milliseconds(Int64(random.number(0...4_000)))
        let within = TimeAmount.milliseconds(Int64(random.pick([0, 500, 60_000])))
        interruption = random.pick([.none, .none, .cut(time), .serverDrain(time, within: within), .clientLeaves(time)])
        giveUpAt = now + Self.patience
    }

    mutating func run() throws -> Report {
        var steps = 0
        while !isFinished {
            steps += 1
            guard steps < 2_000_000, now < .uptimeNanoseconds(0) + Self.limit else { throw SimulationFailure("stuck: \(situation)") }
            try settle()
            try checkInvariants()
            if isFinished { break }
            guard let next = nextTime() else { throw SimulationFailure("nothing will ever happen: \(situation)") }
            now = max(now, next)
            try interrupt()
            try deliver()
            server.act(now: now)
            try client.act(now: now, random: &random)
            if let deadline = client.machine.nextDeadline, deadline <= now { client.machine.timerFired(now: now) }
            if let deadline = server.machine.nextDeadline, deadline <= now { server.machine.timerFired(now: now) }
        }
        try checkEnd()
        return Report(
            outcomes: client.outcomes, frames: tap.frameCount, compressedFrames: tap.compressedFrames,
            textsCompared: client.textsCompared, wasCut: wasCut, wasDrained: wasDrained, refused: server.refused,
            aborted: server.aborted)
    }

    private var isFinished: Bool {
        (client.isClosed && server.isClosed) || wasCut
            || (client.isIdle && server.openAnswers == 0 && server.machine.openStreams == 0 && toServer.nextArrival == nil
                && toClient.nextArrival == nil && client.machine.outboundBytes == 0 && server.machine.outboundBytes == 0)
    }

    private var situation: String {
        "\(client.openCalls) calls, \(server.openAnswers) answers, \(server.machine.openStreams) streams at \(now.uptimeNanoseconds / 1_000_000) ms"
    }

    private func nextTime() -> NIODeadline? {
        [
            toServer.nextArrival, toClient.nextArrival, client.nextAction, server.nextAction, client.machine.nextDeadline,
            server.machine.nextDeadline, interruption.time, giveUpAt,
        ].compactMap(\.self).min()
    }

    /// Lets both sides act on what they have until nothing moves.
    private mutating func settle() throws {
        var moved = true
        while moved {
            moved = false
            try client.handleEvents(now: now)
            try server.handleEvents(now: now)
            server.act(now: now)
            while toServer.isWritable, let bytes = client.machine.takeOutbound() {
                try tap.sentByClient(bytes)
                toServer.send(bytes, now: now, random: &random)
                moved = true
            }
            while toClient.isWritable, let bytes = server.machine.takeOutbound() {
                try tap.sentByServer(bytes)
                toClient.send(bytes, now: now, random: &random)
                moved = true
            }
        }
        try client.handleEvents(now: now)
        try server.handleEvents(now: now)
    }

    private mutating func deliver() throws {
        if let bytes = toServer.receive(now: now, random: &random) {
            var read = bytes
            server.machine.receive(&read, now: now)
            try server.handleEvents(now: now)
            try tap.deliveredToServer(bytes, encoded: server.machine.isOpen ? server.machine.outboundBytes : nil)
        }
        if let bytes = toClient.receive(now: now, random: &random) {
            try tap.deliveredToClient(bytes)
            var bytes = bytes
            client.machine.receive(&bytes, now: now)
        }
    }

    private mutating func interrupt() throws {
        if let time = giveUpAt, time <= now {
            giveUpAt = nil
            try client.cancelAll()
        }
        guard let time = interruption.time, time <= now else { return }
        switch interruption {
        case .none: break
        case .cut:
            wasCut = true
            client.loseConnection()
            server.machine.connectionLost()
        case .serverDrain(_, let within):
            wasDrained = true
            server.machine.advance(to: now)
            server.machine.goAway(.drain, drainWithin: within)
        case .clientLeaves:
            client.machine.advance(to: now)
            client.goAway()
        }
        interruption = .none
    }

    // MARK: - What must always hold

    private func checkInvariants() throws {
        if let (error, origin) = client.failure {
            throw SimulationFailure("the client's connection failed (\(origin)): \(error.message.string)")
        }
        if let (error, origin) = server.failure {
            throw SimulationFailure("the server's connection failed (\(origin)): \(error.message.string)")
        }
        // Beside the bound: one frame that was begun below it, and control frames.
        guard server.machine.outboundBytes <= server.maxOutboundBytes + 200_000 else {
            throw SimulationFailure("the server's outbound grows")
        }
        let held = server.machine.inFlightRequestBytes + server.machine.waitingResultBytes
        guard server.budget.reserved == held else { throw SimulationFailure("the budgets differ") }
        guard server.budget.reserved <= server.budget.limit else { throw SimulationFailure("beyond the budget") }
        guard server.openAnswers <= server.machine.openStreams else { throw SimulationFailure("answers without streams: \(situation)") }
    }

    private func checkEnd() throws {
        guard server.machine.openStreams == 0, server.budget.reserved == 0, server.machine.inFlightRequestBytes == 0 else {
            throw SimulationFailure("something is left: \(situation), \(server.budget.reserved) bytes")
        }
        guard wasCut || client.openCalls == 0 else { throw SimulationFailure("calls without an end") }
    }
}
