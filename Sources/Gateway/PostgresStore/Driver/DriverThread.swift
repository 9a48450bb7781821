#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Carries out what the machine decides: the only thread that calls libpq, waiting in poll(2) for sockets, for word from other threads and
/// for the machine's next moment.
final class DriverThread {
    private let mailbox: Mailbox
    private let location: PostgresLocation
    private var machine: DriverMachine
    private var connections: [LibpqConnection?]
    private var operations: [UInt64: Operation] = [:]
    /// Which operation a connection is busy with.
    private var running: [Operation?]
    private let lookUp: NameLookUp
    private var lookUps: [SlotLookUp]
    private var random = SystemRandomNumberGenerator()
    private let origin = ContinuousClock.now

    /// A connection's look-ups: which attempt is the present one, and whether any is still without an answer.
    private struct SlotLookUp {
        var attempt: UInt64 = 0
        var isPending = false
    }

    init(location: PostgresLocation, settings: DriverMachine.Settings, mailbox: Mailbox, lookUp: @escaping NameLookUp) {
        self.location = location
        self.mailbox = mailbox
        self.lookUp = lookUp
        machine = DriverMachine(settings)
        connections = machine.slots.map { _ in nil }
        running = machine.slots.map { _ in nil }
        lookUps = machine.slots.map { _ in SlotLookUp() }
    }

    private var now: Duration { ContinuousClock.now - origin }

    /// Returns when the driver has been closed.
    func run() {
        while true {
            let (commands, isClosed) = mailbox.take()
            for command in commands { accept(command) }
            if isClosed {
                perform(machine.closed())
                return
            }
            perform(machine.advanced(to: now, using: &random))
            waitAndAdvance()
        }
    }

    private func accept(_ command: Mailbox.Command) {
        switch command {
        case .submit(let operation):
            operations[operation.id] = operation
            let ticket = DriverMachine.Ticket(id: operation.id, deadline: now + operation.timeout, isRepeatable: operation.isRepeatable)
            perform(machine.submitted(ticket, now: now))
        case .cancel(let id): perform(machine.cancelled(id: id, now: now))
        case .lookedUp(let answer):
            lookUps[answer.slot].isPending = false
            guard case .connecting = machine.slots[answer.slot], lookUps[answer.slot].attempt == answer.attempt else { return }
            open(answer.slot, addresses: answer.addresses)
        }
    }

    private func waitAndAdvance() {
        var descriptors = [pollfd(fd: mailbox.wakeUpDescriptor, events: Int16(POLLIN), revents: 0)]
        var waiting: [(slot: Int, connection: LibpqConnection)] = []
        for slot in connections.indices {
            guard let connection = connections[slot], connection.socket >= 0 else { continue }
            let events = (connection.waitsToRead ? POLLIN : 0) | (connection.waitsToWrite ? POLLOUT : 0)
            descriptors.append(pollfd(fd: connection.socket, events: Int16(events), revents: 0))
            waiting.append((slot, connection))
        }
        guard poll(&descriptors, nfds_t(descriptors.count), pollTimeout) > 0 else { return }
        if descriptors[0].revents != 0 { mailbox.drainWakeUps() }
        for (descriptor, (slot, connection)) in zip(descriptors.dropFirst(), waiting) where descriptor.revents != 0 {
            // One of the others may have had it replaced.
            guard connections[slot] === connection else { continue }
            // Hang-ups and errors show when reading.
            let readable = Int32(descriptor.revents) & (POLLIN | POLLHUP | POLLERR | POLLNVAL) != 0
            handle(connection.advance(readable: readable), slot: slot)
        }
    }

    /// Milliseconds, rounded up, so that poll does not end just before the moment.
    private var pollTimeout: Int32 {
        guard let moment = machine.nextWakeUp else { return -1 }
        let wait = moment - now
        guard wait > .zero else { return 0 }
        return Int32(clamping: wait / .milliseconds(1) < 60_000 ? Int((wait / .milliseconds(1)).rounded(.up)) : 60_000)
    }

    private func perform(_ actions: [DriverMachine.Action]) {
        for action in actions {
            switch action {
            case .connect(let slot): connect(slot)
            case .disconnect(let slot):
                connections[slot] = nil
                running[slot] = nil
            case .begin(let id, let slot): begin(id, slot: slot)
            case .fail(let id, let error): complete(id, error)
            }
        }
    }

    private func connect(_ slot: Int) {
        lookUps[slot].attempt += 1
        let names = location.names
        guard !names.isEmpty else { return open(slot, addresses: [:]) }
        guard !lookUps[slot].isPending else { return cannotConnect(slot, "the name server has not answered yet") }
        let (attempt, mailbox, lookUp) = (lookUps[slot].attempt, mailbox, lookUp)
        lookUps[slot].isPending = DetachedThread.start {
            let addresses = Dictionary(uniqueKeysWithValues: names.map { ($0, lookUp($0)) })
            mailbox.lookedUp(NameAnswer(slot: slot, attempt: attempt, addresses: addresses))
        }
        if !lookUps[slot].isPending { cannotConnect(slot, "the system gives no thread") }
    }

    private func open(_ slot: Int, addresses: [String: [String]]) {
        guard let connection = LibpqConnection(location, addresses: addresses) else {
            return cannotConnect(slot, "the name server knows no address of the host")
        }
        connections[slot] = connection
        // libpq has failed already where it cannot even begin.
        if connection.socket < 0 { handle(connection.advance(readable: false), slot: slot) }
    }

    private func cannotConnect(_ slot: Int, _ reason: String) {
        let error = PostgresError(.unreachable, retry: .later, detail: "\(location): \(reason)")
        perform(machine.connectFailed(slot: slot, error, now: now, using: &random))
    }

    private func begin(_ id: UInt64, slot: Int) {
        guard let operation = operations[id], let connection = connections[slot] else { return }
        running[slot] = operation
        guard let step = operation.start() else { return finish(operation, slot: slot) }
        handle(connection.send(step), slot: slot)
    }

    private func handle(_ progress: LibpqConnection.Progress, slot: Int) {
        switch progress {
        case .pending: break
        case .connected: perform(machine.connected(slot: slot, now: now))
        case .connectFailed(let error): perform(machine.connectFailed(slot: slot, error, now: now, using: &random))
        case .stepEnded(let result):
            guard let operation = running[slot], let connection = connections[slot] else { return }
            guard let step = operation.next(result) else { return finish(operation, slot: slot) }
            handle(connection.send(step), slot: slot)
        case .lost(let error):
            guard running[slot] != nil else { return perform(machine.lostIdle(slot: slot)) }
            running[slot] = nil
            perform(machine.failed(slot: slot, error, isReusable: false, now: now, using: &random))
        }
    }

    /// The conversation is over. Its connection goes on only if it left no transaction open.
    private func finish(_ operation: Operation, slot: Int) {
        running[slot] = nil
        let isReusable = connections[slot]?.isReusable ?? false
        if let error = operation.failure() {
            perform(machine.failed(slot: slot, error, isReusable: isReusable, now: now, using: &random))
        } else {
            complete(operation.id, nil)
            perform(machine.succeeded(slot: slot, isReusable: isReusable, now: now))
        }
    }

    private func complete(_ id: UInt64, _ error: PostgresError?) {
        guard let operation = operations.removeValue(forKey: id) else { return }
        mailbox.release(operation.weight)
        operation.complete(error)
    }
}
