/// COPY's text format (PostgreSQL's manual, COPY, "Text Format"): cells parted by tabs, rows ended by line feeds, `\N` for NULL.
package struct CopyText: Sendable, Equatable {
    /// Of the rows so far.
    package private(set) var bytes: [UInt8] = []
    /// A cell had a NUL character, which PostgreSQL's text cannot hold.
    package private(set) var hasNUL = false
    /// Of the row under way.
    private(set) var cellsInRow = 0

    package init() {}

    package mutating func append(_ text: some StringProtocol) {
        separate()
        // Most texts are copied as they are.
        let isCopied: Void? = text.utf8.withContiguousStorageIfAvailable { text in
            if text.contains(where: Self.isSpecial) {
                text.forEach { appendEscaped($0) }
            } else {
                bytes.append(contentsOf: text)
            }
        }
        if isCopied == nil { text.utf8.forEach { appendEscaped($0) } }
    }

    private static func isSpecial(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\\")
    }

    private mutating func appendEscaped(_ byte: UInt8) {
        let letter: UInt8
        switch byte {
        case UInt8(ascii: "\\"): letter = byte
        case UInt8(ascii: "\t"): letter = UInt8(ascii: "t")
        case UInt8(ascii: "\n"): letter = UInt8(ascii: "n")
        case UInt8(ascii: "\r"): letter = UInt8(ascii: "r")
        default:
            if byte == 0 { hasNUL = true }
            bytes.append(byte)
            return
        }
        bytes.append(UInt8(ascii: "\\"))
        bytes.append(letter)
    }

    package mutating func append(_ number: some BinaryInteger) {
        separate()
        bytes.append(contentsOf: String(number).utf8)
    }

    package mutating func append(_ flag: Bool) {
        separate()
        bytes.append(flag ? UInt8(ascii: "t") : UInt8(ascii: "f"))
    }

    package mutating func appendNull() {
        separate()
        bytes.append(UInt8(ascii: "\\"))
        bytes.append(UInt8(ascii: "N"))
    }

    /// A cell from what `SQLValue` holds: `bytea`, arrays, or any type by its text.
    package mutating func append(_ value: SQLValue) {
        if let text = value.text { append(text) } else { appendNull() }
    }

    package mutating func endRow() {
        bytes.append(UInt8(ascii: "\n"))
        cellsInRow = 0
    }

    /// Takes out what was written since there were `count` bytes: one row, or the begin of one.
    mutating func takeRow(from count: Int) -> [UInt8] {
        defer {
            bytes.removeSubrange(count...)
            hasNUL = false
            cellsInRow = 0
        }
        return Array(bytes[count...])
    }

    private mutating func separate() {
        if cellsInRow > 0 { bytes.append(UInt8(ascii: "\t")) }
        cellsInRow += 1
    }

    /// The cells of one row that was written here, without its end; `nil` where a backslash stands for nothing that is written here.
    package static func cells(of row: some Collection<UInt8>) -> [String?]? {
        var cells: [String?] = []
        for cell in row.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false) {
            if cell.elementsEqual("\\N".utf8) {
                cells.append(nil)
                continue
            }
            guard let text = unescaped(cell) else { return nil }
            cells.append(text)
        }
        return cells
    }

    private static func unescaped(_ cell: some Collection<UInt8>) -> String? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(cell.count)
        var iterator = cell.makeIterator()
        while let byte = iterator.next() {
            guard byte == UInt8(ascii: "\\") else {
                bytes.append(byte)
                continue
            }
            switch iterator.next() {
            case UInt8(ascii: "\\"): bytes.append(UInt8(ascii: "\\"))
            case UInt8(ascii: "t"): bytes.append(UInt8(ascii: "\t"))
            case UInt8(ascii: "n"): bytes.append(UInt8(ascii: "\n"))
            case UInt8(ascii: "r"): bytes.append(UInt8(ascii: "\r"))
            default: return nil
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
