import Foundation
import SeededRandomness

enum Door: String, Sendable, CaseIterable { case wire, http }

/// What one worker does next; drawn from the round's seed.
struct Job: Sendable {
    enum Kind: String, Sendable, CaseIterable {
        case plain, streamed, cached, cancelled
    }

    var door: Door
    var kind: Kind
    /// Which of the two tenants calls.
    var tenant: Int
    /// Which of the gateways is called.
    var gateway: Int
    var words: Int
    /// When a cancelled request is left, in milliseconds.
    var leavesAfter: Int
    /// What its row in the ledger and its call to the provider are known by: 32 hexadecimal digits.
    var mark: String

    /// W3C trace context, which the gateway passes on to the provider.
    var traceparent: String { "00-\(mark)-\(mark.suffix(16))-01" }

    var isStreamed: Bool { kind == .streamed || kind == .cancelled }

    var model: String {
        switch kind {
        case .plain: "say:\(words)+delay-\(words)ms"
        case .streamed: "say:\(words)+slow-2ms"
        // Slow enough that most are left before their end.
        case .cancelled: "say:\(words * 10)+slow-2ms"
        case .cached: "memo"
        }
    }

    /// Words of the answer, where the model says how many.
    var outputTokens: UInt64? { kind == .plain || kind == .streamed ? UInt64(words) : nil }

    /// - Parameter leaves: whether some requests are left by their callers.
    init(_ random: inout SeededRandom, gateways: Int, leaves: Bool) {
        door = Door.allCases.randomElement(using: &random) ?? .http
        kind = (leaves ? Kind.allCases : [.plain, .streamed, .cached]).randomElement(using: &random) ?? .plain
        tenant = Int.random(in: 0..<2, using: &random)
        gateway = Int.random(in: 0..<gateways, using: &random)
        words = Int.random(in: 1...30, using: &random)
        leavesAfter = Int.random(in: 0...80, using: &random)
        mark = (0..<2).map { _ in String(format: "%016lx", random.next() | 1) }.joined()
    }
}

/// A request of which a client saw the end.
struct Completed: Sendable {
    var id: String
    var tenant: String
    var job: Job
}

/// How a request ended for its client.
enum JobEnd: Sendable {
    case completed(Completed)
    /// The client was told why not.
    case refused(String)
    /// The connection was lost, or the client left.
    case lost
}
