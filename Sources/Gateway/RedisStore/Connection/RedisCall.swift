import NIOCore

/// Who waits for the result of commands. Called on the client's event loop, once for each command; for a refusal before `send` returns.
package protocol RedisReceiver: AnyObject {
    /// - Parameter tag: the one that the command was sent with.
    func redisAnswered(_ result: Result<RedisReply, RedisFailure>, tag: UInt64)
}

/// One command on its way, from node to node if need be. The client uses the object again.
final class RedisCall {
    var command: RedisCommand?
    var deadline = NIODeadline.uptimeNanoseconds(0)
    var receiver: (any RedisReceiver)?
    var tag: UInt64 = 0
    /// The server did not know the script by its digest.
    var sendsScriptText = false
    /// The node is to serve this command although the slot is not quite its own yet.
    var isAsking = false
    var redirections = 0
}
