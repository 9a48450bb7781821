/// RFC 8259's grammar, rule by rule and as slowly as it reads, for the scanner to be judged by: Foundation's parser is laxer.
struct Grammar {
    private let bytes: [UInt8]
    private var position = 0

    /// Whether `document` is one JSON text in UTF-8.
    static func accepts(_ document: [UInt8]) -> Bool {
        guard String(validating: document, as: UTF8.self) != nil else { return false }
        var grammar = Grammar(bytes: document)
        return grammar.whitespace() && grammar.value() && grammar.whitespace() && grammar.position == document.count
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func take(_ wanted: String) -> Bool {
        guard bytes[position...].starts(with: wanted.utf8) else { return false }
        position += wanted.utf8.count
        return true
    }

    private mutating func take(_ range: ClosedRange<UInt8>) -> Bool {
        guard let next, range.contains(next) else { return false }
        position += 1
        return true
    }

    /// Any amount, none included.
    private mutating func whitespace() -> Bool {
        while take(" ") || take("\t") || take("\n") || take("\r") {}
        return true
    }

    private mutating func value() -> Bool {
        switch next {
        case UInt8(ascii: "{"): list("{", "}") { $0.string() && $0.whitespace() && $0.take(":") && $0.whitespace() && $0.value() }
        case UInt8(ascii: "["): list("[", "]") { $0.value() }
        case UInt8(ascii: "\""): string()
        default: take("true") || take("false") || take("null") || number()
        }
    }

    private mutating func list(_ opening: String, _ closing: String, _ item: (inout Grammar) -> Bool) -> Bool {
        guard take(opening), whitespace() else { return false }
        if take(closing) { return true }
        repeat {
            guard whitespace(), item(&self), whitespace() else { return false }
        } while take(",")
        return take(closing)
    }

    private mutating func string() -> Bool {
        guard take("\"") else { return false }
        while !take("\"") {
            guard next == UInt8(ascii: "\\") ? escape() : take(0x20...0xFF) else { return false }
        }
        return true
    }

    private mutating func escape() -> Bool {
        guard take("\\") else { return false }
        if take("u") { return hexDigit() && hexDigit() && hexDigit() && hexDigit() }
        return ["\"", "\\", "/", "b", "f", "n", "r", "t"].contains { take($0) }
    }

    private mutating func hexDigit() -> Bool {
        digit() || take(UInt8(ascii: "a")...UInt8(ascii: "f")) || take(UInt8(ascii: "A")...UInt8(ascii: "F"))
    }

    private mutating func digit() -> Bool { take(UInt8(ascii: "0")...UInt8(ascii: "9")) }

    private mutating func digits() -> Bool {
        guard digit() else { return false }
        while digit() {}
        return true
    }

    private mutating func number() -> Bool {
        _ = take("-")
        guard take("0") || digits() else { return false }
        if take("."), !digits() { return false }
        if take("e") || take("E") {
            _ = take("+") || take("-")
            return digits()
        }
        return true
    }
}
