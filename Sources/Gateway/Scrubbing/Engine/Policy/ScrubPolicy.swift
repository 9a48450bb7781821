/// What to do with each kind, in texts that go to a provider and in those that come from one.
///
/// The default replaces every kind by a reversible placeholder, redacts secrets, looks for the kinds of all countries but not for those that
/// have to be asked for (names and addresses), scrubs answers too, and takes findings from a score of 0.5 on.
public struct ScrubPolicy: Sendable {
    private var actions: [ScrubAction]
    private var filter = FindingFilter()
    private var disabled = EntityKindSet()
    /// The policy's own kinds, in the order in which they were given.
    public private(set) var customPatterns: [CustomPattern] = []
    private var patternSet: PatternSet?
    /// Makes the digests of ``ScrubAction/hash``.
    private(set) var digest: ValueDigest?
    /// What is done with findings in answers.
    public var answers = AnswerHandling.scrub
    /// What is done with findings in the keys of JSON objects.
    public var keys = KeyHandling.block

    /// Sees through tricks with Unicode, as ``Scanner`` says. Off at first.
    public var foldsLookalikes = false

    /// The default policy.
    public init() {
        actions = [ScrubAction](repeating: .ignore, count: EntityKind.tableSize)
        for kind in EntityKind.builtIn { actions[Int(kind.rawValue)] = Self.defaultAction(for: kind) }
        actions[Int(EntityKind.literal.rawValue)] = .placeholder
        kinds = kindsLookedFor()
    }

    /// A policy that does the same with every built-in kind; secrets are redacted where the action is not for them.
    public init(everyKind action: ScrubAction) throws(PolicyError) {
        self.init()
        for kind in EntityKind.builtIn {
            try setAction(kind.isSecret && !Self.isForSecrets(action) ? .redact : action, for: kind)
        }
    }

    /// What is done with a kind that a policy does not mention.
    public static func defaultAction(for kind: EntityKind) -> ScrubAction {
        kind.isOptIn ? .ignore : kind.isSecret ? .redact : .placeholder
    }

    // MARK: - Kinds

    /// What is done with a kind.
    public func action(for kind: EntityKind) -> ScrubAction {
        actions[Int(kind.rawValue)]
    }

    /// - Throws: ``PolicyError/actionNotForSecrets(_:)``, ``PolicyError/keepLastOutOfRange(_:)``, ``PolicyError/noDigest``.
    public mutating func setAction(_ action: ScrubAction, for kind: EntityKind) throws(PolicyError) {
        if kind.isSecret, !Self.isForSecrets(action) { throw .actionNotForSecrets(kind) }
        if case .mask(let keepLast) = action, !(0...8).contains(keepLast) { throw .keepLastOutOfRange(keepLast) }
        if action == .hash, digest == nil { throw .noDigest }
        actions[Int(kind.rawValue)] = action
        kinds = kindsLookedFor()
    }

    /// The kind of this name: a built-in one, or one of the policy's own.
    public func kind(named name: String) -> EntityKind? {
        if let kind = EntityKind(name: name) { return kind }
        return customPatterns.firstIndex { $0.name == name }.map { EntityKind.custom($0) }
    }

    /// The name of a kind that this policy finds.
    public func name(of kind: EntityKind) -> String {
        guard let index = kind.customIndex, customPatterns.indices.contains(index) else { return kind.name }
        return customPatterns[index].name
    }

    /// The kinds that are looked for.
    public private(set) var kinds = EntityKindSet()

    private func kindsLookedFor() -> EntityKindSet {
        EntityKindSet((EntityKind.builtIn + customKinds).filter { action(for: $0) != .ignore && !disabled.contains($0) })
    }

    /// How many kinds are not left as they are. Of several policies, the one with most hides most.
    public var hiddenKindCount: Int {
        (EntityKind.builtIn + customKinds).count { kinds.contains($0) && action(for: $0) != .logOnly }
    }

    private var customKinds: [EntityKind] { customPatterns.indices.map { EntityKind.custom($0) } }

    /// Looks for the kinds of these countries only, and for those that belong to none. All countries at first.
    public mutating func setLocales(_ locales: Set<ScrubLocale>) {
        disabled = EntityKindSet(ScrubLocale.allCases.filter { !locales.contains($0) }.flatMap(\.kinds))
        kinds = kindsLookedFor()
    }

    // MARK: - Which candidates count

    /// Findings below this score, 0 to 1, are left alone.
    public mutating func setMinimumScore(_ score: Float) throws(PolicyError) {
        guard (0...1).contains(score) else { throw .scoreOutOfRange(score) }
        filter.setMinimumScore(score)
    }

    /// As ``setMinimumScore(_:)``, for one kind.
    public mutating func setMinimumScore(_ score: Float, for kind: EntityKind) throws(PolicyError) {
        guard (0...1).contains(score) else { throw .scoreOutOfRange(score) }
        filter.setMinimumScore(score, for: kind)
    }

    /// The score, 0 to 1, from which on findings of a kind count.
    public func minimumScore(of kind: EntityKind) -> Float {
        filter.minimumScore(of: kind)
    }

    /// Lets through exactly these values, of whatever kind, and e-mail addresses of these domains (`example.com`, or `*.example.com` for its
    /// subdomains). Case of ASCII letters makes no difference. Together at most 4,096 entries of at most 256 bytes.
    public mutating func setAllowed(values: [String], emailDomains: [String]) throws(PolicyError) {
        guard values.count + emailDomains.count <= AllowList.mostEntries else { throw .allowListTooLong }
        for entry in values + emailDomains where entry.isEmpty || entry.utf8.count > AllowList.longestEntry { throw .allowedEntry(entry) }
        for domain in emailDomains where !AllowList.isDomain(domain) { throw .allowedEntry(domain) }
        filter.allowList = values.isEmpty && emailDomains.isEmpty ? nil : AllowList(values: values, domains: emailDomains)
    }

    // MARK: - Hashes

    /// Gives the function that ``ScrubAction/hash`` needs. It must depend on a secret: a plain digest of a card number is found by trying.
    public mutating func setDigest(_ digest: @escaping ValueDigest) {
        self.digest = digest
    }

    // MARK: - Custom patterns

    /// Takes the policy's own kinds, at most 64, in place of those that it had.
    ///
    /// - Throws: ``PolicyError/pattern(name:_:)`` with the place in the pattern, and the errors of ``setAction(_:for:)``.
    public mutating func setCustomPatterns(_ patterns: [CustomPattern]) throws(PolicyError) {
        guard patterns.count <= Limits.customPatterns else { throw .tooManyPatterns }
        var names: Set<String> = []
        var compiled: [(node: PatternNode, entry: PatternSet.Entry)] = []
        for (index, pattern) in patterns.enumerated() {
            let isFree = EntityKind(name: pattern.name) == nil && pattern.name != EntityKind.literal.name
            guard pattern.hasGoodName, isFree, names.insert(pattern.name).inserted else { throw .patternName(pattern.name) }
            guard (0...1).contains(pattern.score) else { throw .scoreOutOfRange(pattern.score) }
            guard pattern.hasGoodContext else { throw .patternContext(name: pattern.name) }
            do {
                let node = try PatternParser.parse(pattern.pattern, ignoringCase: pattern.isCaseInsensitive)
                let context = pattern.contextWords.isEmpty ? nil : PatternContext(pattern.contextWords)
                compiled.append((node, PatternSet.Entry(kind: .custom(index), score: pattern.score, context: context)))
            } catch {
                throw .pattern(name: pattern.name, error)
            }
        }
        let set: PatternSet
        do {
            set = try PatternSet(compiled)
        } catch {
            throw .pattern(name: error.index.map { patterns[$0].name } ?? "", error.error)
        }
        customPatterns = patterns
        for (index, pattern) in patterns.enumerated() { try setAction(pattern.action, for: .custom(index)) }
        try refuseMatchesOfPlaceholders(set)
        patternSet = patterns.isEmpty ? nil : set
        kinds = kindsLookedFor()
    }

    /// A pattern that matched our own placeholders would replace them in turn, and the values would be lost.
    private func refuseMatchesOfPlaceholders(_ set: PatternSet) throws(PolicyError) {
        let names = (EntityKind.builtIn + [.literal] + customKinds).map { name(of: $0) }
        let texts = names.flatMap { ["<\($0)>", "<\($0)_1>", "<\($0)_12>", "<\($0)_123>"] }
        guard let match = set.firstMatch(in: texts.map { Array($0.utf8) }) else { return }
        throw .pattern(
            name: name(of: match.kind),
            PatternError("matches the placeholder \(match.text) itself", "ask for more: `\\b` at its ends, or a longer text", at: 0))
    }

    // MARK: - Answers

    /// The policy as it is kept with answers: with ``AnswerHandling/logOnly`` everything is only counted; nil with ``AnswerHandling/off``.
    public var forAnswers: ScrubPolicy? {
        switch answers {
        case .scrub: return self
        case .off: return nil
        case .logOnly:
            var policy = self
            policy.actions = actions.map { $0 == .ignore ? .ignore : .logOnly }
            return policy
        }
    }

    // MARK: - Scanners

    /// A scanner for texts that go to a provider.
    func requestScanner(_ instructionSet: InstructionSet = .best) -> Scanner {
        let numbered = (EntityKind.builtIn + customKinds).filter { action(for: $0) == .placeholder }
        let names = numbered.isEmpty ? [] : (numbered + [.literal]).map { Array(name(of: $0).utf8) }
        return Scanner(
            kinds: kinds, filter: filter, patterns: activePatterns, literalNames: names,
            foldsLookalikes: foldsLookalikes, instructionSet: instructionSet)
    }

    /// A scanner for texts that come from a provider, or that went through the other one already.
    func answerScanner(_ instructionSet: InstructionSet = .best) -> Scanner {
        Scanner(
            kinds: kinds, filter: filter, patterns: activePatterns, literalNames: [], foldsLookalikes: foldsLookalikes,
            instructionSet: instructionSet)
    }

    private var activePatterns: PatternSet? {
        customKinds.contains { action(for: $0) != .ignore } ? patternSet : nil
    }

    private static func isForSecrets(_ action: ScrubAction) -> Bool {
        switch action {
        case .redact, .block, .logOnly, .ignore: true
        case .placeholder, .mask, .hash: false
        }
    }
}
