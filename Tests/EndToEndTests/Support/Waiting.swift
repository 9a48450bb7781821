import NIOCore

/// Something that a test waited for did not come in time.
struct Overdue: Error, CustomStringConvertible {
    let description: String

    init(_ what: String) {
        description = "overdue: \(what)"
    }
}

extension EventLoopFuture where Value: Sendable {
    /// The value; or an error when it does not come in time, so that a lost answer fails a test instead of hanging it.
    func within(_ what: String, _ time: TimeAmount = .seconds(30)) async throws -> Value {
        let promise = eventLoop.makePromise(of: Value.self)
        let timer = eventLoop.scheduleTask(in: time) { promise.fail(Overdue(what)) }
        whenComplete { result in
            timer.cancel()
            promise.completeWith(result)
        }
        return try await promise.futureResult.get()
    }
}

/// Asks again and again until a fact is there.
func until(_ what: String, within time: Duration = .seconds(20), _ isThere: () async throws -> Bool) async throws {
    let end = ContinuousClock.now + time
    while try await !isThere() {
        guard ContinuousClock.now < end else { throw Overdue(what) }
        try await Task.sleep(for: .milliseconds(10))
    }
}
