/// International bank account numbers (ISO 13616): the country's length, mod 97, upper or lower case, single spaces or hyphens.
enum IBAN {
    static func match(_ text: inout Text, at start: Int) -> Finding? {
        let first = text.byte(start).uppercased
        let second = text.byte(start + 1).uppercased
        guard first.isLetter, second.isLetter, text.byte(start + 2).isDigit, text.byte(start + 3).isDigit else { return nil }
        let length = length(of: first, second)
        guard length > 0 else { return nil }
        var remainder = 0
        var taken = 4
        var index = start + 4
        while taken < length {
            var byte = text.byte(index)
            if byte == UInt8(ascii: " ") || byte == UInt8(ascii: "-") {
                index += 1
                byte = text.byte(index)
            }
            guard byte.isAlphanumeric else { return nil }
            remainder = fold(remainder, byte)
            taken += 1
            index += 1
        }
        guard !text.byte(index).isWordByte else { return nil }
        remainder = fold(fold(remainder, first), second)
        remainder = (remainder * 100 + text.byte(start + 2).digitValue * 10 + text.byte(start + 3).digitValue) % 97
        return remainder == 1 ? Finding(kind: .iban, range: start..<index, score: 1) : nil
    }

    private static func fold(_ remainder: Int, _ byte: UInt8) -> Int {
        byte.isDigit ? (remainder * 10 + byte.digitValue) % 97 : (remainder * 100 + Int(byte.uppercased) - 55) % 97
    }

    /// The IBAN's length in the country, 0 where there is none (SWIFT's IBAN registry, release 99, and the countries that use the
    /// format without being in it).
    static func length(of first: UInt8, _ second: UInt8) -> Int {
        guard first &- 0x41 < 26, second &- 0x41 < 26 else { return 0 }
        return Int(lengths[Int(first &- 0x41) * 26 + Int(second &- 0x41)])
    }

    /// By both letters of the country's code.
    private static let lengths: [UInt8] = {
        let list: StaticString = """
            AD24AE23AL28AO25AT20AZ28BA20BE16BF28BG22BH22BI27BJ28BR29BY28CF27CG27CH21CI28CM27CR22CV25CY28CZ24DE22DJ27DK18DO28DZ26EE20EG29\
            ES24FI18FK18FO18FR27GA27GB22GE22GI23GL18GQ27GR27GT28GW25HN28HR21HU28IE22IL23IQ23IR26IS26IT27JO30KM27KW30KZ20LB28LC32LI21LT20\
            LU20LV21LY25MA28MC27MD24ME22MG27MK19ML28MN20MR27MT31MU30MZ25NE28NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24SC31SD18\
            SE24SI19SK24SM27SN28SO23ST25SV28TD27TG28TL23TN24TR26UA29VA22VG24XK20YE30
            """
        var lengths = [UInt8](repeating: 0, count: 26 * 26)
        list.withUTF8Buffer { bytes in
            for index in stride(from: 0, to: bytes.count - 3, by: 4) {
                let country = Int(bytes[index] &- 0x41) * 26 + Int(bytes[index + 1] &- 0x41)
                lengths[country] = (bytes[index + 2] &- 0x30) * 10 + (bytes[index + 3] &- 0x30)
            }
        }
        return lengths
    }()
}
