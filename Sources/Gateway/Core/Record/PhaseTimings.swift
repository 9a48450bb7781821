/// The phases of a request's life, in their order. See ARCHITECTURE.md.
package enum Phase: Int, CaseIterable, Sendable {
    case authenticate, limit, scrub, cache, route, call, answer, record

    package var name: String {
        switch self {
        case .authenticate: "authenticate"
        case .limit: "limit"
        case .scrub: "scrub"
        case .cache: "cache"
        case .route: "route"
        case .call: "call"
        case .answer: "answer"
        case .record: "record"
        }
    }
}

/// How long each phase took, in nanoseconds.
///
/// `call` is the time that the provider had the request, `answer` the gateway's own work on what came back; both run side by side on a stream.
/// A coalesced request's wait counts as `call`.
package struct PhaseTimings: Sendable, Equatable {
    // Not a vector: its alignment is more than that of async functions' frames, which then overwrite memory.
    private var nanoseconds = [8 of Int64](repeating: 0)

    package init() {}

    package static func == (left: Self, right: Self) -> Bool {
        Phase.allCases.allSatisfy { left[$0] == right[$0] }
    }

    package subscript(phase: Phase) -> Int64 {
        get { nanoseconds[phase.rawValue] }
        set { nanoseconds[phase.rawValue] = max(0, newValue) }
    }

    /// Microseconds, rounded up so that a phase that ran is never told as 0.
    package func microseconds(_ phase: Phase) -> UInt32 {
        UInt32(clamping: (self[phase] + 999) / 1_000)
    }

    /// What the gateway added: every phase but the provider's.
    package var overheadNanoseconds: Int64 {
        Phase.allCases.reduce(Int64(0)) { $1 == .call ? $0 : $0 + self[$1] }
    }

    /// The same in microseconds, rounded up.
    package var overheadMicroseconds: UInt32 { UInt32(clamping: (overheadNanoseconds + 999) / 1_000) }
}
