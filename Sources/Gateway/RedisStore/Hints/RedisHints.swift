/// What replicas tell each other of upstreams that they leave alone: a hash of names and of when that ends, in milliseconds since 1970. Advice: who
/// reads it decides for itself, and nothing is wrong where it is lost.
package enum RedisHints {
    /// The hash goes so long after the last hint.
    private static let lifetimeMilliseconds = "86400000"

    package static func tell(_ name: String, until: Int64) -> [RedisCommand] {
        [
            RedisCommand("HSET", key: .upstreams, name, String(until)),
            RedisCommand("PEXPIRE", key: .upstreams, lifetimeMilliseconds),
        ]
    }

    package static func withdraw(_ name: String) -> RedisCommand { RedisCommand("HDEL", key: .upstreams, name) }

    package static var read: RedisCommand { RedisCommand("HGETALL", key: .upstreams) }

    /// - Returns: names and ends; of those that cannot be read, none.
    package static func hints(in reply: RedisReply) -> [(name: String, until: Int64)] {
        guard var elements = reply.value.elements else { return [] }
        var hints: [(name: String, until: Int64)] = []
        while let name = elements.next(), let until = elements.next() {
            if let name = name.string, let until = until.string.flatMap({ Int64($0) }) { hints.append((name, until)) }
        }
        return hints
    }
}
