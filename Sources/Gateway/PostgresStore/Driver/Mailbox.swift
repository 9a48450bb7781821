import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The addresses that were found for one attempt to connect.
struct NameAnswer: Sendable {
    let slot: Int
    let attempt: UInt64
    let addresses: [String: [String]]
}

/// How other threads reach the driver's thread: a bounded list behind a lock, and a pipe that wakes poll(2).
final class Mailbox: Sendable {
    enum Command {
        case submit(Operation)
        case cancel(id: UInt64)
        case lookedUp(NameAnswer)
    }

    private struct State {
        var commands: [Command] = []
        var admission: Admission
        var isClosed = false
        /// A byte is in the pipe that nobody has read.
        var isAwake = false
    }

    private let state: Mutex<State>
    /// Read end, write end.
    private let pipe: (read: Int32, write: Int32)

    /// - Throws: `.unreachable` when the process has no descriptors left.
    init(_ admission: Admission) throws(PostgresError) {
        var descriptors: [Int32] = [-1, -1]
        guard Self.makePipe(&descriptors) == 0 else {
            throw PostgresError(.unreachable, retry: .later, detail: "no file descriptors left")
        }
        for descriptor in descriptors {
            _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        }
        pipe = (descriptors[0], descriptors[1])
        state = Mutex(State(admission: admission))
    }

    deinit {
        close(pipe.read)
        close(pipe.write)
    }

    private static func makePipe(_ descriptors: inout [Int32]) -> Int32 {
        #if canImport(Glibc)
        Glibc.pipe(&descriptors)
        #elseif canImport(Musl)
        Musl.pipe(&descriptors)
        #else
        Darwin.pipe(&descriptors)
        #endif
    }

    var wakeUpDescriptor: Int32 { pipe.read }

    /// `nil`: it is on its way. Otherwise why not; nothing waits.
    func submit(_ operation: Operation) -> PostgresError? {
        state.withLock { state in
            if state.isClosed { return .closed }
            guard state.admission.admit(weight: operation.weight) else { return .queueFull }
            state.commands.append(.submit(operation))
            wakeUp(&state)
            return nil
        }
    }

    /// Nothing happens to what is not there any more.
    func cancel(id: UInt64) { post(.cancel(id: id)) }

    /// What a look-up for one of the driver's connections found.
    func lookedUp(_ answer: NameAnswer) { post(.lookedUp(answer)) }

    private func post(_ command: Command) {
        state.withLock { state in
            guard !state.isClosed else { return }
            state.commands.append(command)
            wakeUp(&state)
        }
    }

    func end() {
        state.withLock { state in
            state.isClosed = true
            wakeUp(&state)
        }
    }

    func take() -> (commands: [Command], isClosed: Bool) {
        state.withLock { state in
            defer { state.commands.removeAll() }
            return (state.commands, state.isClosed)
        }
    }

    func release(_ weight: Int) {
        state.withLock { $0.admission.release(weight: weight) }
    }

    func drainWakeUps() {
        state.withLock { state in
            var bytes: (UInt64, UInt64) = (0, 0)
            _ = read(pipe.read, &bytes, MemoryLayout.size(ofValue: bytes))
            state.isAwake = false
        }
    }

    private func wakeUp(_ state: inout State) {
        guard !state.isAwake else { return }
        var byte: UInt8 = 1
        state.isAwake = write(pipe.write, &byte, 1) == 1
    }
}

/// How much the driver may have to do at a time, running or waiting.
struct Admission: Sendable, Equatable {
    let maxOperations: Int
    let maxWeight: Int
    private(set) var operations = 0
    private(set) var weight = 0

    init(maxOperations: Int, maxWeight: Int) {
        self.maxOperations = maxOperations
        self.maxWeight = maxWeight
    }

    /// One operation is admitted whatever its weight, so that none is too big forever.
    mutating func admit(weight: Int) -> Bool {
        guard operations < maxOperations, operations == 0 || self.weight + weight <= maxWeight else { return false }
        operations += 1
        self.weight += weight
        return true
    }

    mutating func release(weight: Int) {
        operations -= 1
        self.weight -= weight
    }
}
