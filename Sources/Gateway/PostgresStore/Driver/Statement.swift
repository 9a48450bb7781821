/// A value as PostgreSQL's text protocol takes it.
package struct SQLValue: Sendable, Equatable {
    /// `nil`: NULL.
    package let text: String?

    package init(_ text: String?) { self.text = text }
    package init(_ number: (some BinaryInteger)?) { text = number.map { String($0) } }
    package init(_ flag: Bool?) { text = flag.map { $0 ? "true" : "false" } }

    package static let null = SQLValue(nil as String?)

    /// A `bytea`, in its hexadecimal form.
    package static func bytes(_ bytes: some Sequence<UInt8>) -> SQLValue {
        let digits = Array("0123456789abcdef".utf8)
        var text = Array("\\x".utf8)
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return SQLValue(String(decoding: text, as: UTF8.self))
    }

    /// A `text[]`; `nil`: NULL.
    package static func array(_ elements: [String]?) -> SQLValue {
        guard let elements else { return .null }
        let quoted = elements.map { element in
            "\"" + element.reduce(into: "") { $0 += $1 == "\"" || $1 == "\\" ? "\\\($1)" : String($1) } + "\""
        }
        return SQLValue("{" + quoted.joined(separator: ",") + "}")
    }

    /// The memory it takes in a queue, in bytes.
    var weight: Int { (text?.utf8.count ?? 0) + 16 }
}

/// One statement with its parameters, `$1` and on. It is never prepared on the server, so that any server behind a pooler can take it.
package struct Statement: Sendable, Equatable {
    package let sql: String
    package let parameters: [SQLValue]
    /// A result beyond these is refused, and the connection dropped.
    package var maxRows = 10_000
    package var maxResultBytes = 8 << 20

    package init(_ sql: String, _ parameters: [SQLValue] = []) {
        self.sql = sql
        self.parameters = parameters
    }

    /// PostgreSQL's text has no character NUL; sent as a C string, what follows it would silently be gone.
    var fault: PostgresError? {
        if parameters.count > 65_535 { return .malformed("more than 65535 parameters") }
        let texts = CollectionOfOne(sql) + parameters.compactMap(\.text)
        return texts.contains { $0.utf8.contains(0) } ? .malformed("a text with a NUL character") : nil
    }

    var weight: Int { parameters.reduce(sql.utf8.count + 64) { $0 + $1.weight } }
}

/// What came of a statement.
package struct StatementResult: Sendable, Equatable {
    package var columns: [String] = []
    package var rows: [Row] = []
    /// Rows that were changed, or copied in.
    package var affectedRows = 0

    package init() {}
}

/// One row of a result; cells in the order of the statement's columns.
package struct Row: Sendable, Equatable {
    package var cells: [String?]

    package init(_ cells: [String?]) { self.cells = cells }

    package func text(_ column: Int) throws(PostgresError) -> String {
        guard let text = try optionalText(column) else { throw .malformed("column \(column) is NULL") }
        return text
    }

    package func optionalText(_ column: Int) throws(PostgresError) -> String? {
        guard cells.indices.contains(column) else { throw .malformed("no column \(column)") }
        return cells[column]
    }

    package func integer(_ column: Int) throws(PostgresError) -> Int64 {
        guard let number = Int64(try text(column)) else { throw .malformed("column \(column) is no integer") }
        return number
    }

    package func optionalInteger(_ column: Int) throws(PostgresError) -> Int64? {
        try optionalText(column) == nil ? nil : try integer(column)
    }

    package func flag(_ column: Int) throws(PostgresError) -> Bool {
        switch try text(column) {
        case "t": true
        case "f": false
        default: throw .malformed("column \(column) is no boolean")
        }
    }

    /// A `text[]` in one dimension without NULL elements.
    package func optionalArray(_ column: Int) throws(PostgresError) -> [String]? {
        guard let text = try optionalText(column) else { return nil }
        guard let elements = ArrayText.elements(of: text) else { throw .malformed("column \(column) is no array of texts") }
        return elements
    }
}

/// The text form of arrays (PostgreSQL's manual, section 8.15.6), as the server writes it.
enum ArrayText {
    static func elements(of text: String) -> [String]? {
        var bytes = Array(text.utf8)[...]
        guard bytes.popFirst() == UInt8(ascii: "{"), bytes.popLast() == UInt8(ascii: "}") else { return nil }
        var elements: [String] = []
        while !bytes.isEmpty {
            guard let element = nextElement(of: &bytes) else { return nil }
            elements.append(element)
            guard let separator = bytes.popFirst() else { break }
            guard separator == UInt8(ascii: ","), !bytes.isEmpty else { return nil }
        }
        return elements
    }

    private static func nextElement(of bytes: inout ArraySlice<UInt8>) -> String? {
        var element: [UInt8] = []
        guard bytes.first == UInt8(ascii: "\"") else {
            let end = bytes.firstIndex(of: UInt8(ascii: ",")) ?? bytes.endIndex
            element = Array(bytes[..<end])
            bytes = bytes[end...]
            return element.isEmpty || element == Array("NULL".utf8) ? nil : String(decoding: element, as: UTF8.self)
        }
        bytes.removeFirst()
        while let byte = bytes.popFirst() {
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: element, as: UTF8.self)
            case UInt8(ascii: "\\"):
                guard let escaped = bytes.popFirst() else { return nil }
                element.append(escaped)
            default: element.append(byte)
            }
        }
        return nil
    }
}
