/// What the text of a JSON number, already known to be well-formed, is worth.
///
/// The usual cases are exact with one multiplication or division (W. Clinger, "How to read floating point numbers accurately"); the rest is
/// left to the standard library, with the digits cut to a length at which its answer is still correctly rounded.
struct JSONNumber {
    private var isNegative = false
    /// The first 19 significant digits.
    private var mantissa: UInt64 = 0
    /// Significant digits: without leading zeros.
    private var significantDigits = 0
    /// The value is its digits, read as an integer, times ten to this.
    private var exponent = 0

    private static let maxExactPower = 22
    private static let exactPowers: [Double] = (0...maxExactPower).map { power in (0..<power).reduce(1.0) { product, _ in product * 10 } }

    /// The longest decimal expansion of a number halfway between two Doubles has 767 significant digits: what follows them matters only by
    /// being zero or not.
    private static let maxDigits = 800

    private init(_ text: UnsafeRawBufferPointer) {
        var inFraction = false
        var position = 0
        while position < text.count {
            let byte = text[position]
            position += 1
            switch byte {
            case UInt8(ascii: "-"): isNegative = true
            case UInt8(ascii: "."): inFraction = true
            case UInt8(ascii: "e"), UInt8(ascii: "E"):
                exponent += Self.exponent(text, from: position)
                return
            default:
                if inFraction { exponent -= 1 }
                if significantDigits == 0, byte == UInt8(ascii: "0") { continue }
                significantDigits += 1
                if significantDigits <= 19 { mantissa = mantissa &* 10 &+ UInt64(byte &- UInt8(ascii: "0")) }
            }
        }
    }

    /// The exponent's value, kept within ±1,000,000,000 so that sums with lengths cannot overflow.
    private static func exponent(_ text: UnsafeRawBufferPointer, from start: Int) -> Int {
        var value = 0
        var isNegative = false
        for byte in text[start...] {
            switch byte {
            case UInt8(ascii: "-"): isNegative = true
            case UInt8(ascii: "+"): break
            default: value = min(value * 10 + Int(byte &- UInt8(ascii: "0")), 1_000_000_000)
            }
        }
        return isNegative ? -value : value
    }

    /// Whether the number's magnitude fits a Double.
    static func isFinite(_ text: UnsafeRawBufferPointer) -> Bool {
        let number = JSONNumber(text)
        // Its first digit stands for this power of ten.
        let magnitude = number.significantDigits + number.exponent - 1
        if number.significantDigits == 0 || magnitude < 308 { return true }
        return magnitude == 308 && number.parsed(text).isFinite
    }

    /// The nearest Double; zero where the number is too small for one.
    static func double(_ text: UnsafeRawBufferPointer) -> Double {
        let number = JSONNumber(text)
        if number.significantDigits == 0 { return number.isNegative ? -0.0 : 0 }
        if number.significantDigits <= 15, abs(number.exponent) <= maxExactPower {
            let exact = Double(number.mantissa)
            let value = number.exponent < 0 ? exact / exactPowers[-number.exponent] : exact * exactPowers[number.exponent]
            return number.isNegative ? -value : value
        }
        return number.parsed(text)
    }

    private func parsed(_ text: UnsafeRawBufferPointer) -> Double {
        var decimal = isNegative ? "-" : ""
        var taken = 0
        var restIsZero = true
        for byte in text.prefix(while: { $0 | 0x20 != UInt8(ascii: "e") }) where byte >= UInt8(ascii: "0") {
            if taken == 0, byte == UInt8(ascii: "0") { continue }
            if taken < Self.maxDigits {
                decimal.unicodeScalars.append(Unicode.Scalar(byte))
                taken += 1
            } else if byte != UInt8(ascii: "0") {
                restIsZero = false
                break
            }
        }
        var shift = significantDigits - taken
        if !restIsZero {
            decimal += "1"
            shift -= 1
        }
        decimal += "e\(exponent + shift)"
        return Double(decimal) ?? 0
    }

    /// The value of a number without fraction and exponent; `nil` outside Int64.
    static func integer(_ text: UnsafeRawBufferPointer) -> Int64? {
        var value: Int64 = 0
        let isNegative = text.first == UInt8(ascii: "-")
        for byte in text.dropFirst(isNegative ? 1 : 0) {
            let (product, productOverflow) = value.multipliedReportingOverflow(by: 10)
            let digit = Int64(byte &- UInt8(ascii: "0"))
            let (sum, sumOverflow) = isNegative ? product.subtractingReportingOverflow(digit) : product.addingReportingOverflow(digit)
            if productOverflow || sumOverflow { return nil }
            value = sum
        }
        return value
    }
}
