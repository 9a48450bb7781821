/// Digits in groups, as people write numbers: up to 32 digits in up to 16 groups within ``Limits/numberPhrase`` bytes, as every recogniser
/// of numbers judges them. A view into what a ``NumberRun`` has read.
struct NumberPhrase {
    static let mostDigits = 32
    static let mostGroups = 16
    /// Stands for a separator of more than one byte, such as `) ` or ` (`.
    static let compoundSeparator: UInt8 = 1

    /// The first byte: a digit, `+` or `(`.
    let start: Int
    /// Starts with `+`.
    var isInternational = false
    /// A parenthesis stands before the first or the second group.
    var hasParenthesis = false
    /// … and is closed.
    var isClosed = false
    /// A letter, an underscore or a digit beyond the limits follows the last group: the last group is part of something longer.
    var isCutOff = false
    let digits: UnsafePointer<UInt8>
    private let table: GroupTable
    var groupCount = 0
    /// Digits of a group that is cut off by the limits may count too.
    var digitCount = 0
    /// An extension follows the last group; where it ends. 0 without one.
    var extensionEnd = 0

    init(start: Int, digits: UnsafePointer<UInt8>, table: GroupTable) {
        self.start = start
        self.digits = digits
        self.table = table
    }

    /// Digits in `group`.
    @inline(__always)
    func size(ofGroup group: Int) -> Int {
        Int(table.sizes[group])
    }

    /// What stands behind `group`, when another group follows.
    @inline(__always)
    func separator(_ group: Int) -> UInt8 {
        table.separators[group]
    }

    /// The end of `group` in the text.
    @inline(__always)
    func end(ofGroup group: Int) -> Int {
        table.origin &+ table.end(ofGroup: group)
    }

    @inline(__always)
    func digit(_ index: Int) -> Int {
        Int(digits[index])
    }

    /// How many digits stand in groups before `group`.
    @inline(__always)
    func digitCount(beforeGroup group: Int) -> Int {
        Int(table.counts[group] &- table.counts[0])
    }

    /// Groups `0..<count` end where a word may end.
    @inline(__always)
    func endsCleanly(afterGroups count: Int) -> Bool {
        count < groupCount || !isCutOff
    }

    /// The groups `0..<count` (at most 8) are separated by one byte, always the same; false for a single group.
    @inline(__always)
    func hasUniformSeparators(groups count: Int) -> Bool {
        guard count > 1, table.separators[0] != Self.compoundSeparator else { return false }
        let first = UInt64(table.separators[0]) &* 0x0101_0101_0101_0101
        return (table.firstEight(table.separators) ^ first) &>> UInt64(72 &- 8 &* count) == 0
    }

    /// The sizes of the groups `0..<count` (1 to 8) as bytes, the first one leading: 0x03_02_04 for `123-45-6789`.
    @inline(__always)
    func shape(groups count: Int) -> UInt64 {
        table.firstEight(table.sizes) &>> UInt64(64 &- 8 &* count)
    }

    /// A digit and the separator of this number stand before it: it is the rest of a longer one. Before a number without separators, a
    /// space does not make it longer.
    @inline(__always)
    func continues(_ text: Text) -> Bool {
        let before = text.before(start)
        guard before.isNumberSeparator, text.before(start - 1).isDigit else { return false }
        return groupCount > 1 && separator(0) == before || before != UInt8(ascii: " ") && before != UInt8(ascii: "/")
    }

    /// The value of `count` digits (at most 18) from `first` on.
    @inline(__always)
    func value(_ first: Int, _ count: Int) -> Int {
        var value = 0
        var index = first
        while index < first &+ count {
            value = value &* 10 &+ Int(digits[index])
            index &+= 1
        }
        return value
    }
}

/// Of each group from one on: its digits, what stands behind it, where it starts and how many digits stand before it. A byte each, in
/// rows.
struct GroupTable {
    static let mostGroups = 96
    /// Eight entries can be read from any group on, and there are counts before one group more.
    private static let rowSize = mostGroups + 8
    /// The bytes that the table needs.
    static let size = 4 * rowSize

    /// The first group's size.
    let sizes: UnsafeMutablePointer<UInt8>
    /// What starts are counted from.
    var origin = 0

    init(_ memory: UnsafeMutablePointer<UInt8>) {
        sizes = memory
    }

    @inline(__always) var separators: UnsafeMutablePointer<UInt8> { sizes + Self.rowSize }
    /// From `origin`.
    @inline(__always) var starts: UnsafeMutablePointer<UInt8> { sizes + 2 * Self.rowSize }
    @inline(__always) var counts: UnsafeMutablePointer<UInt8> { sizes + 3 * Self.rowSize }

    /// The same groups from `group` on.
    @inline(__always)
    func from(_ group: Int) -> GroupTable {
        var table = GroupTable(sizes + group)
        table.origin = origin
        return table
    }

    /// From `origin`.
    @inline(__always)
    func end(ofGroup group: Int) -> Int {
        Int(starts[group]) &+ Int(sizes[group])
    }

    /// The first eight entries of a row, the first one leading.
    @inline(__always)
    func firstEight(_ row: UnsafeMutablePointer<UInt8>) -> UInt64 {
        UInt64(bigEndian: UnsafeRawPointer(row).loadUnaligned(as: UInt64.self))
    }
}
