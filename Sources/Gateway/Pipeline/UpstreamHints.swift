import GatewayCore
import NIOCore
import RedisStore

/// What this event loop tells other replicas, through Redis, of upstreams that it leaves alone, and hears of theirs. Nothing waits for it, and what is
/// heard decides nothing: see ``UpstreamHealth/suspect(_:endpoint:until:)``. Confined to its loop.
///
/// Bound: a thousand hints are told and taken; what is over is removed by whoever reads it.
final class UpstreamHints {
    /// Who hears of a hint: the upstream, the place of its endpoint, and for how long it is left alone elsewhere.
    typealias Listener = (UpstreamHealth.Name, _ endpoint: Int, TimeAmount) -> Void

    private static let interval = TimeAmount.seconds(2)
    private static let maxHints = 1_000
    private static let maxNameBytes = 256
    /// No hint is believed for longer.
    private static let maxMilliseconds: Int64 = 3_600_000

    private let line: RedisLine
    private let eventLoop: any EventLoop
    private let clock: WallClock
    private let heard: Listener
    private var timer: Scheduled<Void>?
    private var isClosed = false
    /// How many there were when they were last read.
    private var count = 0

    init(line: RedisLine, eventLoop: any EventLoop, clock: WallClock, heard: @escaping Listener) {
        self.line = line
        self.eventLoop = eventLoop
        self.clock = clock
        self.heard = heard
        readLater()
    }

    func tell(_ call: UpstreamHealth.Call, leftAloneFor time: TimeAmount) {
        let name = Self.text(call.name, call.endpoint)
        guard count < Self.maxHints, name.utf8.count <= Self.maxNameBytes else { return }
        for command in RedisHints.tell(name, until: now + time.nanoseconds / 1_000_000) { line.tell(command) }
    }

    func withdraw(_ call: UpstreamHealth.Call) {
        line.tell(RedisHints.withdraw(Self.text(call.name, call.endpoint)))
    }

    func close() {
        isClosed = true
        timer?.cancel()
    }

    private var now: Int64 { Int64(clamping: clock.unixMilliseconds()) }

    private func readLater() {
        guard !isClosed else { return }
        timer = eventLoop.assumeIsolated().scheduleTask(in: Self.interval) { [self] in
            line.hear(RedisHints.read) { [self] reply in
                if let reply { take(RedisHints.hints(in: reply)) }
                readLater()
            }
        }
    }

    private func take(_ hints: [(name: String, until: Int64)]) {
        count = hints.count
        let now = now
        for hint in hints.prefix(Self.maxHints) {
            guard hint.until > now, let (name, endpoint) = Self.upstream(hint.name) else {
                line.tell(RedisHints.withdraw(hint.name))
                continue
            }
            heard(name, endpoint, .milliseconds(min(hint.until - now, Self.maxMilliseconds)))
        }
    }

    // MARK: names

    /// Providers' names hold no spaces; models' may hold anything, and stand last.
    private static func text(_ name: UpstreamHealth.Name, _ endpoint: Int) -> String { "\(name.provider) \(endpoint) \(name.model)" }

    private static func upstream(_ text: String) -> (UpstreamHealth.Name, endpoint: Int)? {
        let parts = text.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, let endpoint = Int(parts[1]) else { return nil }
        return (UpstreamHealth.Name(provider: String(parts[0]), model: String(parts[2])), endpoint)
    }
}
