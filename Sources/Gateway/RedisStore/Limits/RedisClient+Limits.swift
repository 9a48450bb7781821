package import GatewayCore
package import NIOCore

extension RedisClient {
    /// Asks an admission's question and reads the answer; for what is not on a request's way.
    package func admit(_ admission: RedisAdmission, timeout: TimeAmount, now microseconds: Int64? = nil) -> EventLoopFuture<
        AdmissionModel.Outcome
    > {
        var command = RedisCommand([])
        admission.encode(into: &command, now: microseconds)
        return send(command, timeout: timeout).flatMapThrowing { reply in
            guard let outcome = admission.outcome(of: reply) else { throw RedisFailure.unexpectedReply }
            return outcome
        }
    }
}
