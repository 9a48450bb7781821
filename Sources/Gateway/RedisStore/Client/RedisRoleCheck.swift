package import NIOCore

/// What a Redis deployment is used for. One may serve both.
package enum RedisRole: String, Sendable, CaseIterable {
    /// Limits, budgets, leases, the ledger's stream: nothing may be dropped.
    case state = "redis.state"
    /// Cached answers: whatever is dropped is asked for again.
    case cache = "redis.cache"
}

/// Why a deployment cannot have its role. Starting is refused with this text; it says how to mend it and repeats no credential.
package struct RedisRoleError: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String
    /// Nothing is wrong with the deployment but that it did not answer.
    package var isUnreachable = false
}

/// Checks a deployment at start: it can be reached, and for state no primary of it drops keys when memory is full.
package struct RedisRoleCheck: Sendable {
    private let options: RedisOptions
    private let eventLoop: any EventLoop
    private let client: NIOLoopBound<RedisClient>
    private let timeout: TimeAmount

    /// - Parameter timeout: for each question.
    package static func run(
        _ role: RedisRole, options: RedisOptions, eventLoop: any EventLoop, timeout: TimeAmount = .seconds(5)
    ) async throws {
        let client = try await eventLoop.submit {
            NIOLoopBound(RedisClient(options: options, eventLoop: eventLoop), eventLoop: eventLoop)
        }.get()
        let check = RedisRoleCheck(options: options, eventLoop: eventLoop, client: client, timeout: timeout)
        let result: Result<Void, any Error>
        do {
            result = .success(try await check.run(role))
        } catch let error as RedisRoleError {
            result = .failure(error)
        } catch {
            let isUnreachable = if case .server? = error as? RedisFailure { false } else { true }
            result = .failure(RedisRoleError(description: "\(role.rawValue): \(explanation(of: error))", isUnreachable: isUnreachable))
        }
        try await eventLoop.submit { client.value.close() }.get()
        try result.get()
    }

    private func run(_ role: RedisRole) async throws {
        for address in try await primaries() {
            guard role == .state else {
                _ = try await send(RedisCommand("PING"), to: address)
                continue
            }
            var policy = try await unlessForbidden(RedisCommand("INFO", "memory"), to: address).flatMap { Self.policy(inInfo: $0.value) }
            if policy == nil {
                policy = try await unlessForbidden(RedisCommand("CONFIG", "GET", "maxmemory-policy"), to: address).flatMap {
                    Self.policy(inConfiguration: $0.value)
                }
            }
            if let problem = Self.problem(policy: policy, at: address) { throw problem }
        }
    }

    /// A cluster's primaries, or the one server: that has no cluster support and says so, or an ACL that forbids the question.
    private func primaries() async throws -> [RedisAddress] {
        let slots = try await unlessForbidden(RedisCommand("CLUSTER", "SLOTS"), to: options.address)
        let map = slots.flatMap { RedisSlotMap.read($0.value, asked: options.address, maxNodes: options.limits.maxNodes) }
        return map?.nodes ?? [options.address]
    }

    private func send(_ command: RedisCommand, to address: RedisAddress) async throws -> RedisReply {
        try await eventLoop.flatSubmit { client.value.send(command, to: address, timeout: timeout) }.get()
    }

    private func unlessForbidden(_ command: RedisCommand, to address: RedisAddress) async throws -> RedisReply? {
        do {
            return try await send(command, to: address)
        } catch RedisFailure.server(let error) where error.kind == .notPermitted || error.kind == .other {
            return nil
        }
    }

    private static func explanation(of error: any Error) -> String {
        guard let failure = error as? RedisFailure else { return "the server cannot be reached" }
        guard case .server(let reply) = failure else { return failure.description }
        return switch reply.kind {
        case .wrongCredentials: "the server refuses the user or the password of the URL"
        case .notAuthenticated: "the server wants a password, and the URL has none"
        default: failure.description
        }
    }

    private static func problem(policy: String?, at address: RedisAddress) -> RedisRoleError? {
        guard let policy else {
            return RedisRoleError(
                description: """
                    redis.state: the server at \(address) does not tell its maxmemory-policy; give the ACL user `+info` or `+config|get` so that \
                    it can be seen that nothing is evicted
                    """)
        }
        guard policy != "noeviction" else { return nil }
        return RedisRoleError(
            description: """
                redis.state: the server at \(address) has maxmemory-policy \(policy), which drops limits, budgets and ledger entries when memory is \
                full; set `maxmemory-policy noeviction`, or name this server under redis.cache only and another one under redis.state
                """)
    }

    private static func policy(inInfo value: RedisValue) -> String? {
        guard let text = value.string else { return nil }
        let line = text.split(whereSeparator: \.isNewline).first { $0.hasPrefix("maxmemory_policy:") }
        return line.flatMap { policy($0.dropFirst("maxmemory_policy:".count)) }
    }

    private static func policy(inConfiguration value: RedisValue) -> String? {
        value.elements.flatMap { $0.dropFirst().first { _ in true }?.string }.flatMap { policy($0[...]) }
    }

    /// Only what a policy can look like: it is printed.
    private static func policy(_ text: Substring) -> String? {
        !text.isEmpty && text.count <= 32 && text.utf8.allSatisfy { (97...122).contains($0) || $0 == UInt8(ascii: "-") }
            ? String(text) : nil
    }
}
