import DequeModule
import NIOCore
import NIOPosix

/// A request on its way.
struct LoadCall {
    /// When it was to be sent.
    var time: NIODeadline
    /// The requests before it in the run.
    var number: Int
    var hasBegun = false
    /// Deltas with a clock that have come.
    var deltas = 0
}

/// A connection that carries requests of the load; on the run's event loop.
protocol LoadConnection: AnyObject {
    func send(_ call: LoadCall)
    func close()
}

/// Sends requests and measures, on one event loop.
final class LoadRun {
    private enum Phase {
        case connecting
        case warmingUp
        case measuring
        /// Nothing is sent any more; what an open load has under way is waited for.
        case draining
        case over
    }

    let plan: LoadPlan
    let pool: RequestPool
    private let loop: any EventLoop
    private let promise: EventLoopPromise<LoadResult>
    private var connections: [any LoadConnection] = []
    /// Each connection as often as it can take a request now.
    private var free = Deque<any LoadConnection>()
    /// Times of requests that wait for a connection.
    private var waiting = Deque<NIODeadline>()
    private var result = LoadResult()
    private var phase = Phase.connecting
    private var firstSample: ProcessProbe.Sample?
    private var startOfMeasurement = NIODeadline.now()
    private var startOfPace = NIODeadline.now()
    private var issued: Int64 = 0
    /// When those requests were to be sent that have not ended, by their numbers.
    private var underWay: [Int: NIODeadline] = [:]

    private init(_ plan: LoadPlan, _ pool: RequestPool, on loop: any EventLoop) {
        self.plan = plan
        self.pool = pool
        self.loop = loop
        promise = loop.makePromise()
    }

    static func run(_ plan: LoadPlan, on loop: any EventLoop) async throws -> LoadResult {
        let pool = try RequestPool(plan)
        let connector = try LoadConnector(plan.target, on: loop)
        return try await loop.flatSubmit {
            let run = LoadRun(plan, pool, on: loop)
            run.connect(connector)
            return run.promise.futureResult
        }.get()
    }

    private func connect(_ connector: LoadConnector) {
        let opened = (0..<plan.connections).map { _ in open(connector, isFirst: true) }
        EventLoopFuture.andAllSucceed(opened, on: loop).assumeIsolated().whenComplete { result in
            switch result {
            case .success: self.start()
            case .failure(let error):
                self.phase = .over
                self.promise.fail(error)
            }
        }
    }

    /// One that is lost later is opened anew, every 100 ms until it works.
    private func open(_ connector: LoadConnector, isFirst: Bool) -> EventLoopFuture<Void> {
        let ready = connector.open(self) { self.reopen(connector) }
        if !isFirst {
            ready.assumeIsolated().whenFailure { _ in self.reopen(connector) }
        }
        return ready
    }

    private func reopen(_ connector: LoadConnector) {
        guard phase == .warmingUp || phase == .measuring else { return }
        loop.assumeIsolated().scheduleTask(in: .milliseconds(100)) {
            guard self.phase == .warmingUp || self.phase == .measuring else { return }
            _ = self.open(connector, isFirst: false)
        }
    }

    /// The connection can carry requests.
    func opened(_ connection: any LoadConnection) {
        connections.append(connection)
        for _ in 0..<plan.streamsOfConnection { isFree(connection) }
    }

    private func start() {
        let loop = loop.assumeIsolated()
        phase = .warmingUp
        if plan.warmUp == .zero { startMeasurement() } else { loop.scheduleTask(in: plan.warmUp) { self.startMeasurement() } }
        startOfPace = .now()
        loop.scheduleTask(in: plan.warmUp + plan.duration) { self.endMeasurement(attempts: 30) }
        switch plan.pace {
        case .closed:
            while let connection = free.popFirst() { send(.now(), on: connection) }
        case .open(let perSecond):
            tick(perSecond)
        }
    }

    private func tick(_ perSecond: Int) {
        guard phase == .warmingUp || phase == .measuring else { return }
        var next = time(of: issued, perSecond)
        while next <= .now() {
            issued += 1
            if let connection = free.popFirst() {
                send(next, on: connection)
            } else if waiting.count < LoadPlan.maxWaiting {
                waiting.append(next)
            } else {
                count(.failed("more than \(LoadPlan.maxWaiting) requests wait for a connection"), LoadCall(time: next, number: 0))
            }
            next = time(of: issued, perSecond)
        }
        loop.assumeIsolated().scheduleTask(deadline: next) { self.tick(perSecond) }
    }

    private func time(of number: Int64, _ perSecond: Int) -> NIODeadline {
        startOfPace + .nanoseconds(number * 1_000_000_000 / Int64(max(1, perSecond)))
    }

    private func send(_ time: NIODeadline, on connection: any LoadConnection) {
        let number = result.sent
        result.sent += 1
        underWay[number] = time
        connection.send(LoadCall(time: time, number: number))
    }

    /// Bytes have come, whatever is in them.
    func received(_ bytes: Int) {
        if phase == .measuring { result.bytesReceived += bytes }
    }

    /// Something of an answer has come.
    func began(_ call: inout LoadCall) {
        guard !call.hasBegun else { return }
        call.hasBegun = true
        if isMeasured(call) { result.firstBytes.record((NIODeadline.now() - call.time).nanoseconds) }
    }

    /// A delta has come that was sent at this time.
    func delta(sent: NIODeadline, _ call: inout LoadCall) {
        call.deltas += 1
        if isMeasured(call) { result.deltas.record((NIODeadline.now() - sent).nanoseconds) }
    }

    /// A request has ended; the connection is free for another.
    ///
    /// - Parameter staysOpen: false where the server is about to close it.
    func ended(_ call: LoadCall, on connection: any LoadConnection, _ outcome: LoadOutcome, staysOpen: Bool = true) {
        underWay[call.number] = nil
        count(outcome, call)
        switch phase {
        case .measuring where plan.requests.map { result.answered >= $0 } ?? false: endMeasurement(attempts: 0)
        case .draining: if underWay.isEmpty { finish() }
        case .over: break
        case .connecting, .warmingUp, .measuring: if staysOpen { isFree(connection) }
        }
    }

    private func isFree(_ connection: any LoadConnection) {
        if phase != .connecting, plan.pace == .closed {
            send(.now(), on: connection)
        } else if let time = waiting.popFirst() {
            send(time, on: connection)
        } else {
            free.append(connection)
        }
    }

    /// Of an open load the times of those count whose time to be sent was within the measurement, however late they end: who leaves out the slowest
    /// flatters.
    private func isMeasured(_ call: LoadCall) -> Bool {
        switch phase {
        case .connecting, .warmingUp, .over: false
        case .measuring: plan.pace == .closed || call.time >= startOfMeasurement
        case .draining: call.time >= startOfMeasurement
        }
    }

    private func count(_ outcome: LoadOutcome, _ call: LoadCall) {
        guard phase == .measuring || phase == .draining else { return }
        let latency = (NIODeadline.now() - call.time).nanoseconds
        let isMeasured = isMeasured(call)
        switch outcome {
        case .answered:
            // What was answered in the measurement's time, whenever it was asked: those that end later make up for those that began before.
            if phase == .measuring { result.answered += 1 }
            if isMeasured { result.latencies.record(latency) }
            if isMeasured, let expected = plan.clockedDeltas { result.lostDeltas += max(0, expected - call.deltas) }
        case .shed:
            if phase == .measuring { result.shed += 1 }
            if isMeasured { result.refusals.record(latency) }
        case .failed(let reason):
            fail(reason)
        }
    }

    private func fail(_ reason: String) {
        result.failed += 1
        result.firstFailure = result.firstFailure ?? reason
    }

    /// The connection is gone, with these requests on it.
    func lost(_ connection: any LoadConnection, calls: [LoadCall]) {
        guard phase != .over else { return }
        for call in calls {
            underWay[call.number] = nil
            if phase == .measuring || phase == .draining { fail("a connection was lost with requests on it") }
        }
        free.removeAll { $0 === connection }
        connections.removeAll { $0 === connection }
        if phase == .draining, underWay.isEmpty { finish() }
    }

    private func startMeasurement() {
        firstSample = plan.probe?.sample()
        startOfMeasurement = .now()
        phase = .measuring
    }

    /// A measurement lasts until something was answered, `attempts` seconds longer at most.
    private func endMeasurement(attempts: Int) {
        guard phase == .measuring else { return }
        if result.answered == 0, result.failed == 0, attempts > 0 {
            loop.assumeIsolated().scheduleTask(in: .seconds(1)) { self.endMeasurement(attempts: attempts - 1) }
            return
        }
        result.seconds = Double((NIODeadline.now() - startOfMeasurement).nanoseconds) / 1e9
        if let first = firstSample, let last = plan.probe?.sample() {
            result.cpuNanoseconds = last.cpuNanoseconds - first.cpuNanoseconds
            result.allocations = last.allocations - first.allocations
        }
        guard plan.pace != .closed, !underWay.isEmpty else { return finish() }
        phase = .draining
        loop.assumeIsolated().scheduleTask(in: LoadPlan.drain) { self.finish() }
    }

    private func finish() {
        guard phase != .over else { return }
        if plan.pace != .closed {
            // Their latency is at least what it is by now.
            for time in waiting + underWay.values where time >= startOfMeasurement {
                result.latencies.record((NIODeadline.now() - time).nanoseconds)
                result.unanswered += 1
            }
        }
        phase = .over
        for connection in connections { connection.close() }
        promise.succeed(result)
    }
}
