/// What becomes of a finding.
public enum ScrubAction: Hashable, Sendable {
    /// `<EMAIL_1>`: numbered, and restored in the answer.
    case placeholder
    /// `<EMAIL>`: not numbered, never restored.
    case redact
    /// `*` for every character but spaces and hyphens and the last `keepLast` ones; all of a value that is not longer than twice that.
    case mask(keepLast: Int)
    /// The whole request is refused.
    case block
    /// Shadow mode: counted, text left as it is.
    case logOnly
    /// Not looked for.
    case ignore
}

/// Why a policy is refused when it is configured.
public enum PolicyError: Error, Hashable, Sendable {
    /// Secrets may only be redacted, blocked, logged or ignored: see ``EntityKind/isSecret``.
    case actionNotForSecrets(EntityKind)
    /// `keepLast` is outside of 0–8.
    case keepLastOutOfRange(Int)
    /// A minimum score is outside of 0–1.
    case scoreOutOfRange(Float)
}

/// What to do with each kind. The default replaces every kind by a reversible placeholder and redacts secrets.
public struct ScrubPolicy: Sendable {
    private var actions: [ScrubAction]
    /// Findings below this score are left alone. Between 0 and 1.
    public private(set) var minimumScore: Float = 0.5

    /// Sees through tricks with Unicode, as ``Scanner`` says. Off at first.
    public var foldsLookalikes = false

    public init() {
        actions = [ScrubAction](repeating: .ignore, count: EntityKind.tableSize)
        for kind in EntityKind.builtIn { actions[Int(kind.rawValue)] = kind.isOptIn ? .ignore : kind.isSecret ? .redact : .placeholder }
        actions[Int(EntityKind.literal.rawValue)] = .placeholder
    }

    /// A policy that does the same with every kind; secrets are redacted where the action is not for them.
    public init(everyKind action: ScrubAction) throws(PolicyError) {
        self.init()
        for kind in EntityKind.builtIn {
            try setAction(kind.isSecret && !Self.isForSecrets(action) ? .redact : action, for: kind)
        }
    }

    public func action(for kind: EntityKind) -> ScrubAction {
        actions[Int(kind.rawValue)]
    }

    public mutating func setAction(_ action: ScrubAction, for kind: EntityKind) throws(PolicyError) {
        if kind.isSecret, !Self.isForSecrets(action) { throw .actionNotForSecrets(kind) }
        if case .mask(let keepLast) = action, !(0...8).contains(keepLast) { throw .keepLastOutOfRange(keepLast) }
        actions[Int(kind.rawValue)] = action
    }

    public mutating func setMinimumScore(_ score: Float) throws(PolicyError) {
        guard (0...1).contains(score) else { throw .scoreOutOfRange(score) }
        minimumScore = score
    }

    /// The kinds that are looked for.
    public var kinds: EntityKindSet {
        EntityKindSet(EntityKind.builtIn.filter { action(for: $0) != .ignore })
    }

    /// A scanner for texts that go to a provider.
    func requestScanner(_ instructionSet: InstructionSet) -> Scanner {
        let numbered = EntityKind.builtIn.filter { action(for: $0) == .placeholder }
        let names = numbered.isEmpty ? [] : (numbered + [.literal]).map { Array($0.name.utf8) }
        return Scanner(kinds: kinds, minimumScore: minimumScore, literalNames: names, instructionSet: instructionSet)
    }

    /// A scanner for texts that come from a provider.
    func answerScanner() -> Scanner {
        Scanner(kinds: kinds, minimumScore: minimumScore, literalNames: [], foldsLookalikes: foldsLookalikes)
    }

    private static func isForSecrets(_ action: ScrubAction) -> Bool {
        switch action {
        case .redact, .block, .logOnly, .ignore: true
        case .placeholder, .mask: false
        }
    }
}
