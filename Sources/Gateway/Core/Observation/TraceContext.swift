/// A position in a trace, as W3C Trace Context's `traceparent` has it: `00-` trace `-` span `-` flags.
package struct TraceContext: Sendable, Hashable {
    package struct TraceID: Sendable, Hashable {
        package var high: UInt64
        package var low: UInt64

        package init(high: UInt64, low: UInt64) { (self.high, self.low) = (high, low) }

        /// 32 hexadecimal digits.
        package var text: String { TraceContext.hexadecimal(high, digits: 16) + TraceContext.hexadecimal(low, digits: 16) }
    }

    package var trace: TraceID
    package var span: UInt64
    package var isSampled: Bool

    package init(trace: TraceID, span: UInt64, isSampled: Bool) {
        (self.trace, self.span, self.isSampled) = (trace, span, isSampled)
    }

    /// Longest `tracestate` that is passed on, in bytes: what the W3C asks to support.
    package static let maxStateBytes = 512

    /// Whether `text` may be passed on as `tracestate`.
    package static func isState(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= maxStateBytes && text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F }
    }

    /// Reads a `traceparent`; `nil`: it is none, and is treated as if it were not there. Of a version later than 00 what is known of that one is read
    /// (W3C Trace Context, section 3.2.3).
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        let dash = UInt8(ascii: "-")
        guard bytes.count >= 55, bytes[2] == dash, bytes[35] == dash, bytes[52] == dash, let version = Self.number(bytes[0..<2]),
            version != 0xFF, bytes.count == 55 || version > 0 && bytes[55] == dash,
            let high = Self.number(bytes[3..<19]), let low = Self.number(bytes[19..<35]), let span = Self.number(bytes[36..<52]),
            let flags = Self.number(bytes[53..<55]), high | low != 0, span != 0
        else { return nil }
        self.init(trace: TraceID(high: high, low: low), span: span, isSampled: flags & 1 == 1)
    }

    /// As `traceparent`, of version 00.
    package var header: String { "00-\(trace.text)-\(Self.hexadecimal(span, digits: 16))-\(isSampled ? "01" : "00")" }

    /// Lower-case digits only.
    private static func number(_ digits: ArraySlice<UInt8>) -> UInt64? {
        var number: UInt64 = 0
        for digit in digits {
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): number = number << 4 | UInt64(digit - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): number = number << 4 | UInt64(digit - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return number
    }

    package static func hexadecimal(_ word: UInt64, digits: Int) -> String {
        let text = String(word, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }
}

/// Which traces are recorded.
package struct TraceSampling: Sendable, Equatable {
    /// Of traces that begin here: from 0, none, to 1, all.
    package var ratio: Double

    package init(ratio: Double) { self.ratio = ratio }

    /// The request's own place in its trace; `nil`: it is not recorded. Where the caller has decided, that holds (`ParentBased` of OpenTelemetry);
    /// else the ratio does.
    package func context(behind parent: TraceContext?, random: inout some RandomNumberGenerator) -> TraceContext? {
        if let parent {
            guard parent.isSampled else { return nil }
            return TraceContext(trace: parent.trace, span: Self.id(&random), isSampled: true)
        }
        guard ratio > 0, ratio >= 1 || Double.random(in: 0..<1, using: &random) < ratio else { return nil }
        return TraceContext(
            trace: TraceContext.TraceID(high: random.next(), low: Self.id(&random)), span: Self.id(&random), isSampled: true)
    }

    /// Never zero, which means that there is none.
    package static func id(_ random: inout some RandomNumberGenerator) -> UInt64 { UInt64.random(in: 1 ... .max, using: &random) }
}
