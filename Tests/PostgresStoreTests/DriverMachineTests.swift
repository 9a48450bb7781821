import SeededRandomness
import Testing

@testable import PostgresStore

@Suite("Driver's machine, in virtual time")
struct DriverMachineTests {
    private var random = SeededRandom(seed: 4)

    private static func ticket(_ id: UInt64, deadline: Int = 60, isRepeatable: Bool = false) -> DriverMachine.Ticket {
        DriverMachine.Ticket(id: id, deadline: .seconds(deadline), isRepeatable: isRepeatable)
    }

    private static func machine(connections: Int) -> DriverMachine {
        var settings = DriverMachine.Settings()
        settings.connections = connections
        return DriverMachine(settings)
    }

    private static let unreachable = PostgresError(.unreachable, retry: .later, detail: "refused")

    @Test("connects when there is something to do, begins when connected, keeps the connection")
    func life() {
        var machine = Self.machine(connections: 1)
        #expect(machine.nextWakeUp == nil)
        #expect(machine.submitted(Self.ticket(1), now: .zero) == [.connect(slot: 0)])
        #expect(machine.submitted(Self.ticket(2), now: .zero) == [])
        #expect(machine.connected(slot: 0, now: .seconds(1)) == [.begin(id: 1, slot: 0)])
        #expect(machine.succeeded(slot: 0, isReusable: true, now: .seconds(2)) == [.begin(id: 2, slot: 0)])
        #expect(machine.succeeded(slot: 0, isReusable: true, now: .seconds(3)) == [])
        #expect(machine.slots == [.idle])
        #expect(machine.submitted(Self.ticket(3), now: .seconds(4)) == [.begin(id: 3, slot: 0)])
        #expect(machine.succeeded(slot: 0, isReusable: false, now: .seconds(5)) == [.disconnect(slot: 0)])
        #expect(machine.slots == [.closed])
        #expect(machine.nextWakeUp == nil)
    }

    @Test("makes as many connections as there are operations waiting, up to its number")
    func connections() {
        var machine = Self.machine(connections: 2)
        #expect(machine.submitted(Self.ticket(1), now: .zero) == [.connect(slot: 0)])
        #expect(machine.submitted(Self.ticket(2), now: .zero) == [.connect(slot: 1)])
        #expect(machine.submitted(Self.ticket(3), now: .zero) == [])
        #expect(machine.connected(slot: 1, now: .zero) == [.begin(id: 1, slot: 1)])
        #expect(machine.connected(slot: 0, now: .zero) == [.begin(id: 2, slot: 0)])
    }

    @Test("what is too late is given up, with the reason that nothing was sent")
    mutating func deadlines() {
        var machine = Self.machine(connections: 1)
        _ = machine.submitted(Self.ticket(1, deadline: 5), now: .zero)
        _ = machine.submitted(Self.ticket(2, deadline: 3), now: .zero)
        #expect(machine.nextWakeUp == .seconds(3))
        let late = machine.advanced(to: .seconds(3), using: &random)
        #expect(late.map(Self.failure) == [.deadlineExceeded])
        _ = machine.connected(slot: 0, now: .seconds(4))
        #expect(machine.nextWakeUp == .seconds(5))
        let running = machine.advanced(to: .seconds(5), using: &random)
        #expect(running.first == .disconnect(slot: 0))
        #expect(running.compactMap(Self.failure) == [.deadlineExceeded])
        #expect(machine.slots == [.closed])
    }

    @Test("after failures one attempt at a time is made, after waits of full jitter up to a doubling bound")
    mutating func backoff() {
        var machine = Self.machine(connections: 3)
        for id in 0..<5 { _ = machine.submitted(Self.ticket(UInt64(id), deadline: 100_000), now: .zero) }
        _ = machine.connectFailed(slot: 1, Self.unreachable, now: .zero, using: &random)
        _ = machine.connectFailed(slot: 2, Self.unreachable, now: .zero, using: &random)
        var now: Duration = .zero
        var waits: [Duration] = []
        _ = machine.connectFailed(slot: 0, Self.unreachable, now: now, using: &random)
        for failures in 3..<40 {
            let next = machine.nextWakeUp ?? .zero
            waits.append(next - now)
            let bound = min(.seconds(10), .milliseconds(100) * (1 << min(failures - 1, 10)))
            #expect(next - now <= bound)
            now = next
            let actions = machine.advanced(to: now, using: &random)
            #expect(actions.count == 1, "\(actions)")
            guard case .connect(let slot)? = actions.first else { return }
            _ = machine.connectFailed(slot: slot, Self.unreachable, now: now, using: &random)
        }
        #expect(Set(waits).count > 30)
        let long = waits.suffix(20)
        #expect(long.contains { $0 > .seconds(7) } && long.contains { $0 < .seconds(3) })
    }

    @Test("a connection that is turned away fails all that waits; another failure leaves it waiting, and says why at its deadline")
    mutating func refusal() {
        var machine = Self.machine(connections: 1)
        _ = machine.submitted(Self.ticket(1), now: .zero)
        _ = machine.submitted(Self.ticket(2), now: .zero)
        let refused = PostgresError(.refused(.invalidPassword), retry: .never)
        #expect(
            machine.connectFailed(slot: 0, refused, now: .zero, using: &random)
                == [.disconnect(slot: 0), .fail(id: 1, refused), .fail(id: 2, refused)])
        _ = machine.submitted(Self.ticket(3, deadline: 20), now: .seconds(19))
        #expect(machine.connectFailed(slot: 0, Self.unreachable, now: .seconds(19), using: &random) == [.disconnect(slot: 0)])
        #expect(machine.advanced(to: .seconds(20), using: &random) == [.fail(id: 3, Self.unreachable)])
    }

    @Test("only what is repeatable is repeated, as often as allowed, and not when it would fail again")
    mutating func repeating() {
        let lost = PostgresError.connectionLost()
        var machine = Self.machine(connections: 1)
        _ = machine.submitted(Self.ticket(1), now: .zero)
        _ = machine.connected(slot: 0, now: .zero)
        #expect(
            machine.failed(slot: 0, lost, isReusable: false, now: .zero, using: &random) == [.disconnect(slot: 0), .fail(id: 1, lost)])

        #expect(machine.submitted(Self.ticket(2, isRepeatable: true), now: .zero) == [.connect(slot: 0)])
        _ = machine.connected(slot: 0, now: .zero)
        // The first time at once.
        #expect(
            machine.failed(slot: 0, lost, isReusable: false, now: .zero, using: &random) == [.disconnect(slot: 0), .connect(slot: 0)])
        #expect(machine.connected(slot: 0, now: .zero) == [.begin(id: 2, slot: 0)])
        var now: Duration = .zero
        for _ in 2..<5 {
            let deadlock = PostgresError(.refused(.deadlockDetected), retry: .atOnce)
            #expect(machine.failed(slot: 0, deadlock, isReusable: true, now: now, using: &random) == [])
            now = machine.nextWakeUp ?? .zero
            #expect(machine.advanced(to: now, using: &random) == [.begin(id: 2, slot: 0)])
        }
        #expect(machine.failed(slot: 0, lost, isReusable: true, now: now, using: &random) == [.fail(id: 2, lost)])

        _ = machine.submitted(Self.ticket(3, isRepeatable: true), now: now)
        let wrong = PostgresError(.refused(.uniqueViolation), retry: .never)
        #expect(machine.failed(slot: 0, wrong, isReusable: true, now: now, using: &random) == [.fail(id: 3, wrong)])
    }

    @Test("cancelling takes what waits out, and drops the connection of what runs")
    func cancelling() {
        var machine = Self.machine(connections: 1)
        _ = machine.submitted(Self.ticket(1), now: .zero)
        _ = machine.submitted(Self.ticket(2), now: .zero)
        _ = machine.submitted(Self.ticket(3), now: .zero)
        _ = machine.connected(slot: 0, now: .zero)
        #expect(machine.cancelled(id: 2, now: .zero) == [.fail(id: 2, .cancelled)])
        #expect(
            machine.cancelled(id: 1, now: .zero) == [.disconnect(slot: 0), .fail(id: 1, .cancelled), .connect(slot: 0)])
        #expect(machine.cancelled(id: 9, now: .zero) == [])
    }

    /// Any events in any order, as far as a connection can give them.
    @Test("every operation is answered once, by its deadline, and the machine never asks to be woken for nothing", arguments: 0..<60)
    func anyTrace(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var world = MachineWorld(connections: Int.random(in: 1...4, using: &random))
        for _ in 0..<400 { world.step(using: &random) }
        world.settle(using: &random)
        #expect(world.problems == [])
        #expect(world.answered == world.submitted)
        #expect(world.submitted.count > 20)
    }

    private static func failure(_ action: DriverMachine.Action) -> PostgresError.Kind? {
        if case .fail(_, let error) = action { error.kind } else { nil }
    }
}

/// A world around the machine, which checks what it asks for.
private struct MachineWorld {
    private enum Line: Equatable {
        case closed
        case connecting
        case idle
        case busy(UInt64)
    }

    private(set) var problems: [String] = []
    private(set) var submitted: Set<UInt64> = []
    private(set) var answered: Set<UInt64> = []
    private var deadlines: [UInt64: Duration] = [:]
    private var machine: DriverMachine
    private var lines: [Line]
    private var now: Duration = .zero

    init(connections: Int) {
        var settings = DriverMachine.Settings()
        settings.connections = connections
        machine = DriverMachine(settings)
        lines = Array(repeating: .closed, count: connections)
    }

    mutating func step(using random: inout SeededRandom) {
        let slot = Int.random(in: lines.indices, using: &random)
        switch (Int.random(in: 0..<7, using: &random), lines[slot]) {
        case (0, _):
            let id = UInt64(submitted.count)
            let deadline = now + .milliseconds(Int.random(in: 1...20_000, using: &random))
            submitted.insert(id)
            deadlines[id] = deadline
            let isRepeatable = Bool.random(using: &random)
            carryOut(machine.submitted(.init(id: id, deadline: deadline, isRepeatable: isRepeatable), now: now))
        case (1, _): carryOut(machine.cancelled(id: UInt64.random(in: 0...UInt64(submitted.count), using: &random), now: now))
        case (2, _): advance(by: .milliseconds(Int.random(in: 0...3_000, using: &random)), using: &random)
        case (_, .connecting): connectingEnds(slot, using: &random)
        case (3, .idle):
            lines[slot] = .closed
            carryOut(machine.lostIdle(slot: slot))
        case (_, .busy(let id)): runningEnds(id, slot, using: &random)
        default: break
        }
    }

    /// Lets time run until all is answered.
    mutating func settle(using random: inout SeededRandom) {
        for _ in 0..<10_000 {
            guard let next = machine.nextWakeUp else { break }
            if next <= now { problems.append("asks to be woken at once, again and again") }
            advance(by: max(next - now, .zero), using: &random)
        }
    }

    private mutating func advance(by wait: Duration, using random: inout SeededRandom) {
        now += wait
        carryOut(machine.advanced(to: now, using: &random))
        if let next = machine.nextWakeUp, next <= now { problems.append("wakes up for nothing") }
        for (id, deadline) in deadlines where deadline <= now && !answered.contains(id) { problems.append("\(id) was forgotten") }
    }

    private mutating func connectingEnds(_ slot: Int, using random: inout SeededRandom) {
        if Bool.random(using: &random) {
            lines[slot] = .idle
            carryOut(machine.connected(slot: slot, now: now))
        } else {
            let retry: RetryDecision = Int.random(in: 0..<4, using: &random) == 0 ? .never : .later
            carryOut(machine.connectFailed(slot: slot, PostgresError(.unreachable, retry: retry), now: now, using: &random))
        }
    }

    private mutating func runningEnds(_ id: UInt64, _ slot: Int, using random: inout SeededRandom) {
        let isReusable = Bool.random(using: &random)
        if isReusable { lines[slot] = .idle }
        if Bool.random(using: &random) {
            answer(id)
            carryOut(machine.succeeded(slot: slot, isReusable: isReusable, now: now))
        } else {
            let error = PostgresError(.connectionLost, retry: Bool.random(using: &random) ? .ifRepeatable : .never)
            carryOut(machine.failed(slot: slot, error, isReusable: isReusable, now: now, using: &random))
        }
    }

    private mutating func answer(_ id: UInt64) {
        if !answered.insert(id).inserted { problems.append("\(id) was answered twice") }
    }

    private mutating func carryOut(_ actions: [DriverMachine.Action]) {
        for action in actions {
            switch action {
            case .connect(let slot):
                if lines[slot] != .closed { problems.append("connects \(lines[slot])") }
                lines[slot] = .connecting
            case .disconnect(let slot): lines[slot] = .closed
            case .begin(let id, let slot):
                if lines[slot] != .idle { problems.append("begins on \(lines[slot])") }
                if answered.contains(id) { problems.append("begins \(id), which is answered") }
                lines[slot] = .busy(id)
            case .fail(let id, _): answer(id)
            }
        }
    }
}
