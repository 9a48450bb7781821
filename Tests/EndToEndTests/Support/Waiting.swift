import NIOCore
import ProcessSupport

extension EventLoopFuture where Value: Sendable {
    /// The value; or an error when it does not come in time, so that a lost answer fails a test instead of hanging it.
    func within(_ what: String, _ time: TimeAmount = .seconds(90)) async throws -> Value {
        let promise = eventLoop.makePromise(of: Value.self)
        let timer = eventLoop.scheduleTask(in: time) { promise.fail(Overdue(what)) }
        whenComplete { result in
            timer.cancel()
            promise.completeWith(result)
        }
        return try await promise.futureResult.get()
    }
}
