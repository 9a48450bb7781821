/// How far a scan in slices has come (``Scanner/scanSlice(_:_:into:)``). A new one starts at the beginning.
public struct ScanProgress: Sendable {
    /// Bytes that one slice takes: a hostile one costs a millisecond or two.
    public static let slice = 64 * 1024
    /// Findings that one slice replaces.
    static let replacements = 4096

    /// Where a scan in slices stands, and then the replacing of what it found.
    enum Stage: Sendable {
        case new
        /// The second reading of a text, in which tricks with Unicode are undone, is being made.
        case reading
        /// `folds`: it is the second reading that is scanned.
        case scanning(folds: Bool)
        case replacing
    }

    /// Bytes that were looked at; of a text that folds, bytes of its second reading.
    public internal(set) var scanned = 0
    var stage = Stage.new
    /// As in ``Text``.
    var coveredEnd = 0
    var raisedKind: EntityKind?
    /// From where on each custom pattern may match again, by its place in the policy; empty before the first match is looked for.
    var free: [Int] = []
    /// Findings that were replaced, and how much of the text was copied with them.
    var replaced = 0
    var copied = 0

    /// The beginning of a text.
    public init() {}
}
