import GatewayCore
import NIOConcurrencyHelpers

/// The answers of this process that can be read on on another connection, shared by its event loops.
///
/// Bounds: ``maxAnswers``, ``maxOfTenant``, and the bytes of all of them. A request beyond the first is carried out like one that cannot be resumed; at the second what was
/// read is not kept, and where nobody reads, providers wait.
package final class ResumableAnswers: Sendable {
    private static let maxAnswers = 16_384
    private static let maxOfTenant = 4_096

    private struct State {
        var answers: [ResumptionName: ResumableAnswer] = [:]
        /// How many each tenant has.
        var counts: [String: Int] = [:]
    }

    let room: ResumptionRoom
    private let state = NIOLockedValueBox(State())

    /// - Parameter maxBytes: of what is kept for readers.
    package init(maxBytes: Int) {
        room = ResumptionRoom(maxBytes: maxBytes)
    }

    /// Answers that go on without a reader.
    package var orphans: Int {
        state.withLockedValue { Array($0.answers.values) }.count { $0.isOrphan }
    }

    func add(_ answer: ResumableAnswer, as name: ResumptionName) -> Bool {
        state.withLockedValue { state in
            let count = state.counts[name.tenant] ?? 0
            guard state.answers.count < Self.maxAnswers, count < Self.maxOfTenant else { return false }
            state.answers[name] = answer
            state.counts[name.tenant] = count + 1
            return true
        }
    }

    func find(_ name: ResumptionName) -> ResumableAnswer? {
        state.withLockedValue { $0.answers[name] }
    }

    func remove(_ name: ResumptionName) {
        state.withLockedValue { state in
            guard state.answers.removeValue(forKey: name) != nil, let count = state.counts[name.tenant] else { return }
            state.counts[name.tenant] = count > 1 ? count - 1 : nil
        }
    }
}

/// Which answer, and whose: another principal's request finds nothing under it.
struct ResumptionName: Hashable, Sendable {
    let id: RequestID
    let tenant: String
    let key: String
    let user: String?

    init(_ id: RequestID, of principal: Principal) {
        self.id = id
        tenant = principal.tenant
        key = principal.keyID
        user = principal.user
    }
}

/// Counts the bytes that are kept for readers.
final class ResumptionRoom: Sendable {
    private let maxBytes: Int
    private let bytes = NIOLockedValueBox(0)

    init(maxBytes: Int) {
        self.maxBytes = maxBytes
    }

    var isFull: Bool { bytes.withLockedValue { $0 > maxBytes } }

    func take(_ count: Int) { bytes.withLockedValue { $0 += count } }

    func give(back count: Int) {
        if count > 0 { bytes.withLockedValue { $0 -= count } }
    }
}
