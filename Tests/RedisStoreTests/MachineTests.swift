import NIOCore
import Testing

@testable import RedisStore

@Suite("The machines of a connection and a node")
struct MachineTests {
    private func at(_ milliseconds: Int64) -> NIODeadline { .uptimeNanoseconds(1_000_000_000) + .milliseconds(milliseconds) }

    private func greeted(_ limits: RedisLimits = RedisLimits()) -> RedisConnectionMachine<Int> {
        var machine = RedisConnectionMachine<Int>(limits: limits)
        var buffer = ByteBuffer()
        machine.greet(RedisOptions(address: RedisAddress(host: "h", port: 1)), into: &buffer, now: at(0))
        #expect(String(buffer: buffer) == "*3\r\n$6\r\nCLIENT\r\n$7\r\nSETNAME\r\n$11\r\nagentshield\r\n")
        #expect(machine.received(ByteBuffer(string: "+OK\r\n")) == nil)
        guard case .greeted = machine.next(now: at(0)) else {
            Issue.record("not greeted")
            return machine
        }
        return machine
    }

    private func replies(_ machine: inout RedisConnectionMachine<Int>, _ text: String, now: NIODeadline) -> [String] {
        if let failure = machine.received(ByteBuffer(string: text)) { return ["\(failure)"] }
        var said: [String] = []
        while let event = machine.next(now: now) {
            switch event {
            case .greeted: said.append("greeted")
            case .replied(let call, let reply, let latency):
                said.append("\(call)=\(reply.value.integer.map(String.init) ?? "?") \(latency.nanoseconds / 1_000_000)ms")
            case .failed(let failure): said.append("\(failure)")
            }
        }
        return said
    }

    @Test("replies meet their commands in order, with how long they took")
    func order() {
        var machine = greeted()
        for call in 1...3 { machine.sent(call, bytes: 10, deadline: at(100), afterAsking: call == 2, now: at(0)) }
        #expect(machine.outstandingBytes == 30)
        #expect(replies(&machine, ":1\r\n+OK\r\n:2", now: at(5)) == ["1=1 5ms"])
        #expect(replies(&machine, "\r\n:3\r\n", now: at(6)) == ["2=2 6ms", "3=3 6ms"])
        #expect(machine.outstandingCount == 0 && machine.outstandingBytes == 0)
    }

    @Test("a command whose time is up is told so once, and its late reply is nobody's")
    func late() {
        var machine = greeted()
        machine.sent(1, bytes: 10, deadline: at(10), afterAsking: false, now: at(0))
        machine.sent(2, bytes: 10, deadline: at(50), afterAsking: false, now: at(0))
        #expect(machine.nextDeadline == at(10))
        var expired: [Int] = []
        machine.expire(now: at(10)) { expired.append($0) }
        machine.expire(now: at(11)) { expired.append($0) }
        #expect(expired == [1])
        #expect(machine.nextDeadline == at(50))
        #expect(replies(&machine, ":1\r\n:2\r\n", now: at(20)) == ["2=2 20ms"])
    }

    @Test("when the oldest reply is late beyond all patience nobody is there")
    func silence() {
        var machine = greeted()
        machine.sent(1, bytes: 10, deadline: at(10), afterAsking: false, now: at(0))
        machine.expire(now: at(10)) { _ in }
        #expect(machine.nextDeadline == at(3_010))
        #expect(machine.isSilent(now: at(3_009)) == false)
        #expect(machine.isSilent(now: at(3_010)))
    }

    @Test("commands are refused at the bounds of their number and bytes, late ones counted")
    func bounds() {
        var limits = RedisLimits()
        limits.maxOutstanding = 3
        limits.maxOutstandingBytes = 100
        var machine = greeted(limits)
        #expect(machine.refusal(of: 101) == .commandTooLarge)
        machine.sent(1, bytes: 60, deadline: at(1), afterAsking: false, now: at(0))
        #expect(machine.refusal(of: 41) == .tooManyOutstanding)
        #expect(machine.refusal(of: 40) == nil)
        machine.sent(2, bytes: 1, deadline: at(1), afterAsking: false, now: at(0))
        machine.expire(now: at(2)) { _ in }
        #expect(machine.refusal(of: 1) == .tooManyOutstanding)
        #expect(replies(&machine, ":1\r\n", now: at(3)).isEmpty)
        #expect(machine.refusal(of: 1) == nil)
    }

    @Test("a reply that nobody asked for, or that is none, ends the connection", arguments: [":1\r\n", "hello\r\n"])
    func unsolicited(text: String) {
        var machine = greeted()
        #expect(replies(&machine, text, now: at(0)) == ["\(RedisFailure.protocolViolated)"])
        #expect(replies(&machine, "+OK\r\n", now: at(0)) == ["\(RedisFailure.protocolViolated)"])
    }

    @Test("at the end every command without an answer is told, expired ones not again")
    func end() {
        var machine = greeted()
        machine.sent(1, bytes: 1, deadline: at(1), afterAsking: false, now: at(0))
        machine.sent(2, bytes: 1, deadline: at(9), afterAsking: true, now: at(0))
        machine.expire(now: at(1)) { _ in }
        #expect(machine.end() == [2])
        #expect(machine.end() == [])
    }

    @Test(
        "the greeting fails when the server refuses the credential or the database, not for the name's sake",
        arguments: [
            ("-WRONGPASS x\r\n+OK\r\n+OK\r\n", "Redis answered WRONGPASS"), ("+OK\r\n-ERR DB index\r\n+OK\r\n", "Redis answered ERR"),
            ("+OK\r\n+OK\r\n-NOPERM x\r\n", "greeted"), ("+OK\r\n+OK\r\n-NOAUTH x\r\n", "Redis answered NOAUTH"),
            (":1\r\n", RedisFailure.unexpectedReply.description),
        ])
    func greeting(answer: String, outcome: String) throws {
        var machine = RedisConnectionMachine<Int>(limits: RedisLimits())
        var buffer = ByteBuffer()
        machine.greet(try RedisOptions(url: "redis://user:pass@h/2"), into: &buffer, now: at(0))
        #expect(String(buffer: buffer).hasPrefix("*3\r\n$4\r\nAUTH\r\n$4\r\nuser\r\n$4\r\npass\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n2\r\n*3\r\n"))
        #expect(replies(&machine, answer, now: at(0)) == [outcome])
    }

    @Test("the breaker opens after failures in a row, lets one try, and closes when that one succeeds")
    func breaker() {
        var settings = RedisBreaker.Settings()
        settings.maxFailures = 2
        var breaker = RedisBreaker(settings)
        breaker.failed(now: at(0))
        breaker.replied(after: .milliseconds(1), now: at(0))
        breaker.failed(now: at(0))
        #expect(breaker.admits(now: at(0)) == true)
        breaker.failed(now: at(0))
        #expect(breaker.admits(now: at(999)) == false)
        #expect(breaker.admits(now: at(1_000)) == true)
        #expect(breaker.admits(now: at(1_001)) == false)
        breaker.failed(now: at(1_002))
        #expect(breaker.state == .open(until: at(2_002)))
        #expect(breaker.admits(now: at(2_002)) == true)
        breaker.replied(after: .milliseconds(1), now: at(2_003))
        #expect(breaker.state == .closed(failures: 0, slow: 0))
    }

    @Test("the breaker opens after slow replies in a row; a try of which nothing is heard is followed by another")
    func slow() {
        var settings = RedisBreaker.Settings()
        settings.maxSlow = 3
        var breaker = RedisBreaker(settings)
        for time: Int64 in [-1_000, -700] { breaker.replied(after: .milliseconds(251), now: at(time)) }
        breaker.replied(after: .milliseconds(250), now: at(-600))
        // A burst counts once.
        for time: Int64 in [-500, -500, -499, -251] { breaker.replied(after: .milliseconds(251), now: at(time)) }
        #expect(breaker.state == .closed(failures: 0, slow: 1))
        for time: Int64 in [-250, 0] { breaker.replied(after: .milliseconds(251), now: at(time)) }
        #expect(breaker.state == .open(until: at(1_000)))
        #expect(breaker.admits(now: at(1_000)) == true)
        #expect(breaker.admits(now: at(1_500)) == false)
        #expect(breaker.admits(now: at(2_000)) == true)
        breaker.replied(after: .seconds(1), now: at(2_100))
        #expect(breaker.state == .open(until: at(3_100)))
    }

    @Test("waiting before the next attempt doubles up to the ceiling, spread over the whole of it")
    func backoff() {
        let backoff = RedisBackoff()
        #expect(
            (1...8).map { backoff.delay(failures: $0, random: 1).nanoseconds / 1_000_000 } == [50, 100, 200, 400, 800, 1_600, 2_000, 2_000])
        #expect(backoff.delay(failures: 5, random: 0) == .zero)
        #expect(backoff.delay(failures: .max, random: 0.5) == .seconds(1))
    }

    @Test("a node connects when first asked, lets commands wait up to its bound, and tries again after a loss")
    func node() {
        var limits = RedisLimits()
        limits.maxQueued = 2
        limits.breaker.maxFailures = 3
        var node = RedisNodeMachine(limits: limits)
        #expect(node.submitted(queued: 0, now: at(0)) == .wait(connectsNow: true))
        #expect(node.submitted(queued: 1, now: at(0)) == .wait(connectsNow: false))
        #expect(node.submitted(queued: 2, now: at(0)) == .refuse(.queueFull))
        node.greeted()
        #expect(node.submitted(queued: 0, now: at(0)) == .send)
        #expect(node.ended(now: at(1), random: 1) == .milliseconds(50))
        #expect(node.submitted(queued: 0, now: at(1)) == .wait(connectsNow: false))
        #expect(node.waited() == true)
        #expect(node.ended(now: at(2), random: 1) == .milliseconds(100))
        #expect(node.waited() == true)
        #expect(node.waited() == false)
        #expect(node.ended(now: at(3), random: 1) == .milliseconds(200))
        #expect(node.submitted(queued: 0, now: at(4)) == .refuse(.breakerOpen))
        #expect(node.waited() == true)
        node.greeted()
        #expect(node.submitted(queued: 0, now: at(1_003)) == .send)
        node.replied(nil, latency: .zero, now: at(1_004))
        #expect(node.ended(now: at(1_005), random: 1) == .milliseconds(50))
        node.closed()
        #expect(node.submitted(queued: 0, now: at(2_000)) == .refuse(.closed))
        #expect(node.ended(now: at(2_000), random: 1) == nil)
    }

    @Test("a map of slots is learnt whole or not at all")
    func slotMap() throws {
        let asked = RedisAddress(host: "asked", port: 1)
        func read(_ text: String) throws -> RedisSlotMap? {
            let reader = try #require(RedisReplyReader(limits: RedisReplyLimits()))
            try reader.feed(ByteBuffer(string: text))
            return RedisSlotMap.read(try #require(try reader.next()).value, asked: asked, maxNodes: 2)
        }
        let range = "*4\r\n:0\r\n:99\r\n*3\r\n$1\r\na\r\n:7000\r\n$2\r\nid\r\n*3\r\n$1\r\nr\r\n:7009\r\n$2\r\nid\r\n"
        let map = try #require(try read("*2\r\n" + range + "*3\r\n:100\r\n:16383\r\n*2\r\n$0\r\n\r\n:7001\r\n"))
        #expect(map.owner(of: 99) == RedisAddress(host: "a", port: 7_000))
        #expect(map.owner(of: 16_383) == RedisAddress(host: "asked", port: 7_001))
        for broken in [
            "*0\r\n", "+OK\r\n", "*1\r\n:1\r\n", "*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n$1\r\na\r\n:1\r\n",
            "*1\r\n*3\r\n:5\r\n:1\r\n*2\r\n$1\r\na\r\n:1\r\n", "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\na\r\n:0\r\n",
            "*3\r\n" + (1...3).map { "*3\r\n:\($0)\r\n:\($0)\r\n*2\r\n$1\r\na\r\n:\($0)\r\n" }.joined(),
        ] {
            #expect(try read(broken) == nil)
        }
    }
}
