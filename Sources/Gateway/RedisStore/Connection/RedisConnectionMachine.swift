import DequeModule
import GatewayCrypto
import NIOCore

/// One connection's conversation: the greeting, then commands and replies in the same order, each with a deadline. Pure: bytes, commands and `now`
/// come in, events go out through `next`.
///
/// A command whose time is up stays in the order, so that its reply, if it still comes, is matched and dropped.
struct RedisConnectionMachine<Call> {
    enum Event {
        case greeted
        case replied(Call, RedisReply, latency: TimeAmount)
        /// The connection is of no use any more.
        case failed(RedisFailure)
    }

    enum Greeting: Equatable {
        case authenticate, select, setName
    }

    private enum Expected {
        case greeting(Greeting)
        /// `ASKING`: its reply is nobody's.
        case ignored
        case call(Call, deadline: NIODeadline)
        case expired(deadline: NIODeadline)
    }

    private struct Outstanding {
        var expected: Expected
        var bytes: Int
        var sentAt: NIODeadline
    }

    private let limits: RedisLimits
    private let reader: RedisReplyReader?
    private var outstanding: Deque<Outstanding> = []
    private(set) var outstandingBytes = 0
    private var greetingsLeft = 0
    private var hasFailed = false

    init(limits: RedisLimits) {
        self.limits = limits
        reader = RedisReplyReader(limits: limits.reply)
    }

    var outstandingCount: Int { outstanding.count }

    /// Writes who we are. Everything goes at once; the answers are awaited before any command is sent.
    mutating func greet(_ options: RedisOptions, into buffer: inout ByteBuffer, now: NIODeadline) {
        if let password = options.password {
            // The credential is written once and kept in no command.
            buffer.writeRedisLength(UInt8(ascii: "*"), options.username == nil ? 2 : 3)
            buffer.writeRedisBulk("AUTH")
            if let username = options.username { buffer.writeRedisBulk(username) }
            buffer.writeRedisLength(UInt8(ascii: "$"), password.count)
            password.withUnsafeBytes { bytes in _ = buffer.writeBytes(bytes) }
            buffer.writeStaticString("\r\n")
            expect(.authenticate, now: now)
        }
        if options.database != 0 {
            RedisCommand("SELECT", String(options.database)).encode(into: &buffer, sendsScriptText: false)
            expect(.select, now: now)
        }
        RedisCommand("CLIENT", "SETNAME", options.clientName).encode(into: &buffer, sendsScriptText: false)
        expect(.setName, now: now)
    }

    private mutating func expect(_ greeting: Greeting, now: NIODeadline) {
        greetingsLeft += 1
        outstanding.append(Outstanding(expected: .greeting(greeting), bytes: 0, sentAt: now))
    }

    /// Whether a command may be sent; `nil`: it may.
    func refusal(of bytes: Int) -> RedisFailure.Refusal? {
        if bytes > limits.maxOutstandingBytes { return .commandTooLarge }
        // One place is for `ASKING`.
        if outstanding.count + 1 >= limits.maxOutstanding || outstandingBytes + bytes > limits.maxOutstandingBytes {
            return .tooManyOutstanding
        }
        return nil
    }

    /// The command was written.
    mutating func sent(_ call: Call, bytes: Int, deadline: NIODeadline, afterAsking: Bool, now: NIODeadline) {
        if afterAsking {
            outstanding.append(Outstanding(expected: .ignored, bytes: 0, sentAt: now))
        }
        outstandingBytes += bytes
        outstanding.append(Outstanding(expected: .call(call, deadline: deadline), bytes: bytes, sentAt: now))
    }

    /// Bytes came. What they mean is told by `next`, until it says nothing more.
    mutating func received(_ bytes: ByteBuffer) -> RedisFailure? {
        guard !hasFailed, let reader else { return .protocolViolated }
        do {
            try reader.feed(bytes)
            return nil
        } catch {
            hasFailed = true
            return .protocolViolated
        }
    }

    mutating func next(now: NIODeadline) -> Event? {
        while !hasFailed {
            guard let reader else { return failed(.protocolViolated) }
            let reply: RedisReply
            do {
                guard let whole = try reader.next() else { return nil }
                reply = whole
            } catch {
                return failed(.protocolViolated)
            }
            // Nobody asked: what comes next belongs to nobody either.
            guard let first = outstanding.popFirst() else { return failed(.protocolViolated) }
            outstandingBytes -= first.bytes
            switch first.expected {
            case .call(let call, _): return .replied(call, reply, latency: now - first.sentAt)
            case .ignored, .expired: continue
            case .greeting(let greeting):
                if let failure = Self.failure(of: greeting, reply.value) { return failed(failure) }
                greetingsLeft -= 1
                if greetingsLeft == 0 { return .greeted }
            }
        }
        return nil
    }

    private static func failure(of greeting: Greeting, _ value: RedisValue) -> RedisFailure? {
        guard let error = value.error else { return value.isOK ? nil : .unexpectedReply }
        switch (greeting, error.kind) {
        // A name is a courtesy to whoever reads CLIENT LIST: an ACL may forbid it, and a busy server has no time for it.
        case (.setName, let kind) where kind != .notAuthenticated: return nil
        default: return .server(error)
        }
    }

    private mutating func failed(_ failure: RedisFailure) -> Event {
        hasFailed = true
        return .failed(failure)
    }

    /// Calls whose time is up, in order. They are answered by whoever asks; their replies are dropped.
    mutating func expire(now: NIODeadline, _ body: (Call) -> Void) {
        for index in outstanding.indices {
            if case .call(let call, let deadline) = outstanding[index].expected, deadline <= now {
                outstanding[index].expected = .expired(deadline: deadline)
                body(call)
            }
        }
    }

    /// Whether the oldest reply is so late that nobody can be there.
    func isSilent(now: NIODeadline) -> Bool {
        guard case .expired(let deadline) = outstanding.first?.expected else { return false }
        return deadline + limits.silenceTimeout <= now
    }

    /// When `expire` or `isSilent` will have something to say, if nothing else happens before.
    var nextDeadline: NIODeadline? {
        var next: NIODeadline?
        for (index, entry) in outstanding.enumerated() {
            switch entry.expected {
            case .call(_, let deadline): next = min(next ?? deadline, deadline)
            case .expired(let deadline) where index == 0: next = min(next ?? .distantFuture, deadline + limits.silenceTimeout)
            case .expired, .ignored, .greeting: break
            }
        }
        return next
    }

    /// The connection ended: every call that has no answer, in order.
    mutating func end() -> [Call] {
        hasFailed = true
        defer { outstanding.removeAll() }
        return outstanding.compactMap { entry in
            if case .call(let call, _) = entry.expected { call } else { nil }
        }
    }
}
