/// A pattern, parsed.
indirect enum PatternNode: Hashable {
    case empty
    case characters(ScalarSet)
    case sequence([PatternNode])
    case choice([PatternNode])
    /// At least `minimum` times, at most `maximum` (nil: as often as the longest match allows).
    case repeated(PatternNode, minimum: Int, maximum: Int?)
    /// A word starts or ends here (`true`), or neither.
    case wordBoundary(Bool)

    /// The shortest text that it matches, in bytes.
    var minimumLength: Int {
        switch self {
        case .empty, .wordBoundary: 0
        case .characters(let set): set.byteSequences.map(\.count).min() ?? 0
        case .sequence(let nodes): min(Self.longer, nodes.reduce(0) { $0 + $1.minimumLength })
        case .choice(let nodes): nodes.map(\.minimumLength).min() ?? 0
        case .repeated(let node, let minimum, _): min(Self.longer, minimum * node.minimumLength)
        }
    }

    /// Stands for every length that is longer than any match, so that nothing overflows.
    private static let longer = 1 << 20

    /// It matches the empty text and nothing else.
    var matchesNothingElse: Bool {
        switch self {
        case .empty, .wordBoundary: true
        case .characters: false
        case .sequence(let nodes), .choice(let nodes): nodes.allSatisfy(\.matchesNothingElse)
        case .repeated(let node, _, _): node.matchesNothingElse
        }
    }
}
