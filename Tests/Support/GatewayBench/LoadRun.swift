import DequeModule
import NIOCore
import NIOPosix

/// A connection that carries requests of the load; on the run's event loop.
protocol LoadConnection: AnyObject {
    /// - Parameters:
    ///   - time: of the request; comes back with its answer.
    ///   - number: the requests before it in the run.
    func send(_ time: NIODeadline, number: Int)
    func close()
}

/// Sends requests and measures, on one event loop.
final class LoadRun {
    private let plan: LoadPlan
    private let loop: any EventLoop
    private let promise: EventLoopPromise<LoadResult>
    private var connections: [any LoadConnection] = []
    /// Each connection as often as it can take a request now.
    private var free = Deque<any LoadConnection>()
    /// Times of requests that wait for a connection.
    private var waiting = Deque<NIODeadline>()
    private var result = LoadResult()
    private var isMeasuring = false
    private var isOver = false
    private var firstSample: ProcessProbe.Sample?
    private var startOfMeasurement = NIODeadline.now()
    private var startOfPace = NIODeadline.now()
    private var issued: Int64 = 0

    private init(_ plan: LoadPlan, on loop: any EventLoop) {
        self.plan = plan
        self.loop = loop
        promise = loop.makePromise()
    }

    static func run(_ plan: LoadPlan, on loop: any EventLoop) async throws -> LoadResult {
        try await loop.flatSubmit {
            let run = LoadRun(plan, on: loop)
            run.connect()
            return run.promise.futureResult
        }.get()
    }

    private func connect() {
        let isWire = plan.target.door == .wire
        let perConnection = isWire ? LoadPlan.streamsPerWireConnection : 1
        let count = max(1, plan.inFlight / perConnection)
        let opened = (0..<count).map { _ in LoadConnector.open(plan, self, on: loop) }
        EventLoopFuture.andAllSucceed(opened, on: loop).assumeIsolated().whenComplete { result in
            switch result {
            case .success:
                for connection in self.connections {
                    self.free.append(contentsOf: repeatElement(connection, count: perConnection))
                }
                self.start()
            case .failure(let error): self.promise.fail(error)
            }
        }
    }

    /// Called once the connection can carry requests.
    func opened(_ connection: any LoadConnection) {
        connections.append(connection)
    }

    private func start() {
        let loop = loop.assumeIsolated()
        startOfPace = .now()
        loop.scheduleTask(in: plan.warmUp) { self.startMeasurement() }
        loop.scheduleTask(in: plan.warmUp + plan.duration) { self.finish(attempts: 30) }
        switch plan.pace {
        case .closed:
            while let connection = free.popFirst() { send(.now(), on: connection) }
        case .open(let perSecond):
            tick(perSecond)
        }
    }

    private func tick(_ perSecond: Int) {
        guard !isOver else { return }
        let interval = 1_000_000_000 / Int64(perSecond)
        var next = startOfPace + .nanoseconds(issued * interval)
        while next <= .now() {
            issued += 1
            if let connection = free.popFirst() {
                send(next, on: connection)
            } else {
                waiting.append(next)
            }
            next = startOfPace + .nanoseconds(issued * interval)
        }
        loop.assumeIsolated().scheduleTask(deadline: next) { self.tick(perSecond) }
    }

    private func send(_ time: NIODeadline, on connection: any LoadConnection) {
        let number = result.sent
        result.sent += 1
        connection.send(time, number: number)
    }

    /// An answer has come whole, or failed; the connection is free for another.
    func ended(_ time: NIODeadline, on connection: any LoadConnection, isGood: Bool) {
        if isMeasuring {
            if isGood {
                result.answered += 1
                result.latencies.append(UInt64(max(0, (NIODeadline.now() - time).nanoseconds)))
            } else {
                result.failed += 1
            }
        }
        guard !isOver else { return }
        if plan.pace == .closed {
            send(.now(), on: connection)
        } else if let time = waiting.popFirst() {
            send(time, on: connection)
        } else {
            free.append(connection)
        }
    }

    /// The connection is gone, with so many requests on it.
    func lost(_ connection: any LoadConnection, requests: Int) {
        guard !isOver else { return }
        result.failed += max(1, requests)
        free.removeAll { $0 === connection }
    }

    private func startMeasurement() {
        firstSample = plan.probe?.sample()
        startOfMeasurement = .now()
        isMeasuring = true
    }

    /// A run lasts until something was answered, `attempts` seconds longer at most.
    private func finish(attempts: Int) {
        if result.answered == 0, attempts > 0 {
            loop.assumeIsolated().scheduleTask(in: .seconds(1)) { self.finish(attempts: attempts - 1) }
            return
        }
        isOver = true
        isMeasuring = false
        result.seconds = Double((NIODeadline.now() - startOfMeasurement).nanoseconds) / 1e9
        if let first = firstSample, let last = plan.probe?.sample() {
            result.cpuNanoseconds = last.cpuNanoseconds - first.cpuNanoseconds
            result.allocations = last.allocations - first.allocations
        }
        result.latencies.sort()
        for connection in connections { connection.close() }
        promise.succeed(result)
    }
}
