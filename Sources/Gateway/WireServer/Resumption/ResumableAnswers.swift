import GatewayCore
import NIOConcurrencyHelpers

/// The answers of this process that can be read on on another connection, shared by its event loops.
///
/// Bounds: ``maxAnswers``, and the bytes of all of them. A request beyond the first is carried out like one that cannot be resumed; at the second what was
/// read is not kept, and where nobody reads, providers wait.
package final class ResumableAnswers: Sendable {
    private static let maxAnswers = 16_384

    let room: ResumptionRoom
    private let answers = NIOLockedValueBox<[ResumptionName: ResumableAnswer]>([:])

    /// - Parameter maxBytes: of what is kept for readers.
    package init(maxBytes: Int) {
        room = ResumptionRoom(maxBytes: maxBytes)
    }

    /// Answers that go on without a reader.
    package var orphans: Int {
        answers.withLockedValue { Array($0.values) }.count { $0.isOrphan }
    }

    func add(_ answer: ResumableAnswer, as name: ResumptionName) -> Bool {
        answers.withLockedValue { answers in
            guard answers.count < Self.maxAnswers else { return false }
            answers[name] = answer
            return true
        }
    }

    func find(_ name: ResumptionName) -> ResumableAnswer? {
        answers.withLockedValue { $0[name] }
    }

    func remove(_ name: ResumptionName) {
        answers.withLockedValue { $0[name] = nil }
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
