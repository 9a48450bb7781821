/// How far a scan in slices has come (``Scanner/scanSlice(_:_:into:)``). A new one starts at the beginning.
public struct ScanProgress: Sendable {
    /// Bytes that one slice takes: a hostile one costs a millisecond or two.
    public static let slice = 64 * 1024

    /// Bytes that were looked at.
    public internal(set) var scanned = 0
    /// As in ``Text``.
    var coveredEnd = 0
    var raisedKind: EntityKind?

    public init() {}
}
