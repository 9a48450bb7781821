import Scrubbing

/// Scrubs a JSON text as it arrives, such as the arguments of a tool call: the content of each string, decoded, and each long number. What is
/// replaced in a number makes a string of it. Keys are looked at as values are. Strings are written again with the fewest escapes.
///
/// A lexer and no parser: of a text that is no JSON, what looks like a string is taken for one.
struct ArgumentScrubber {
    private enum State {
        case structure
        case string
        /// Behind a backslash; what stood since it is in `escape`.
        case escape
        /// In a number; it is in `number`.
        case number
    }

    private(set) var text: StreamScrubber
    private var state = State.structure
    private var escape: [UInt8] = []
    private var number: [UInt8] = []
    /// Decoded bytes of a string that were not given to `text` yet.
    private var run: [UInt8] = []
    private var scrubbed: [UInt8] = []
    /// The first half of a surrogate pair.
    private var highSurrogate: UInt32?

    /// Shorter numbers are nobody's; longer ones than the second are no number.
    private static let numberLengths = 8...64

    var counts: EntityCounts { text.counts }

    init(_ text: StreamScrubber) {
        self.text = text
    }

    mutating func feed(_ bytes: UnsafeRawBufferPointer, into output: inout [UInt8]) -> StreamOutcome {
        for byte in bytes {
            let outcome = take(byte, &output)
            guard outcome == .passed else { return outcome }
        }
        return flushRun(&output)
    }

    /// Ends the text.
    mutating func finish(into output: inout [UInt8]) -> StreamOutcome {
        var outcome = StreamOutcome.passed
        switch state {
        case .structure: break
        case .number: outcome = endNumber(&output)
        case .string, .escape:
            outcome = endString(&output)
            output.append(contentsOf: escape)
        }
        escape.removeAll()
        state = .structure
        return outcome
    }

    private mutating func take(_ byte: UInt8, _ output: inout [UInt8]) -> StreamOutcome {
        switch state {
        case .structure:
            if byte == UInt8(ascii: "\"") { state = .string }
            if byte &- 0x30 < 10 || byte == UInt8(ascii: "-") {
                state = .number
                number.append(byte)
            } else {
                output.append(byte)
            }
        case .number:
            let continues = byte &- 0x30 < 10 || "+-.eE".utf8.contains(byte)
            if continues, number.count < Self.numberLengths.upperBound {
                number.append(byte)
                return .passed
            }
            let outcome = endNumber(&output)
            return outcome == .passed ? take(byte, &output) : outcome
        case .string:
            switch byte {
            case UInt8(ascii: "\\"):
                state = .escape
                escape.append(byte)
            case UInt8(ascii: "\""):
                let outcome = endString(&output)
                output.append(byte)
                state = .structure
                return outcome
            default:
                dropHighSurrogate()
                run.append(byte)
            }
        case .escape:
            escape.append(byte)
            return endEscape(&output)
        }
        return .passed
    }

    private mutating func endNumber(_ output: inout [UInt8]) -> StreamOutcome {
        defer { number.removeAll(keepingCapacity: true) }
        state = .structure
        guard Self.numberLengths.contains(number.count) else {
            output.append(contentsOf: number)
            return .passed
        }
        scrubbed.removeAll(keepingCapacity: true)
        var outcome = number.withUnsafeBytes { text.feed($0, into: &scrubbed) }
        if outcome == .passed { outcome = text.finish(into: &scrubbed) }
        if scrubbed == number { output.append(contentsOf: number) } else { JSONEscape.append(string: scrubbed, to: &output) }
        return outcome
    }

    private mutating func endString(_ output: inout [UInt8]) -> StreamOutcome {
        dropHighSurrogate()
        let outcome = flushRun(&output)
        guard outcome == .passed else { return outcome }
        scrubbed.removeAll(keepingCapacity: true)
        let end = text.finish(into: &scrubbed)
        JSONEscape.append(content: scrubbed, to: &output)
        return end
    }

    /// Gives what was decoded to the scrubber.
    private mutating func flushRun(_ output: inout [UInt8]) -> StreamOutcome {
        guard !run.isEmpty else { return .passed }
        scrubbed.removeAll(keepingCapacity: true)
        let outcome = run.withUnsafeBytes { text.feed($0, into: &scrubbed) }
        run.removeAll(keepingCapacity: true)
        JSONEscape.append(content: scrubbed, to: &output)
        return outcome
    }

    /// Decodes an escape if it is whole.
    private mutating func endEscape(_ output: inout [UInt8]) -> StreamOutcome {
        let letter = escape[1]
        if letter == UInt8(ascii: "u"), escape.count < 6 { return .passed }
        defer { escape.removeAll(keepingCapacity: true) }
        state = .string
        switch letter {
        case UInt8(ascii: "n"): append(0x0A)
        case UInt8(ascii: "t"): append(0x09)
        case UInt8(ascii: "r"): append(0x0D)
        case UInt8(ascii: "b"): append(0x08)
        case UInt8(ascii: "f"): append(0x0C)
        case UInt8(ascii: "u"): appendUnit()
        default: append(letter)
        }
        return .passed
    }

    private mutating func append(_ byte: UInt8) {
        dropHighSurrogate()
        run.append(byte)
    }

    private mutating func appendUnit() {
        guard let unit = UInt32(String(decoding: escape[2...], as: UTF8.self), radix: 16) else { return append(0x3F) }
        if let high = highSurrogate, unit >> 10 == 0x37 {
            highSurrogate = nil
            let value = 0x1_0000 + (high & 0x3FF) << 10 + unit & 0x3FF
            if let scalar = Unicode.Scalar(value) { run.append(contentsOf: String(scalar).utf8) }
            return
        }
        dropHighSurrogate()
        if unit >> 10 == 0x36 {
            highSurrogate = unit
        } else {
            run.append(contentsOf: String(Unicode.Scalar(unit) ?? "\u{FFFD}").utf8)
        }
    }

    /// A surrogate without its second half stands for no character.
    private mutating func dropHighSurrogate() {
        guard highSurrogate != nil else { return }
        highSurrogate = nil
        run.append(contentsOf: "\u{FFFD}".utf8)
    }
}
