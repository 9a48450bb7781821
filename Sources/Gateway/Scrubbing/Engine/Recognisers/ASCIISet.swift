/// A set of ASCII bytes, small enough to be tested in registers.
struct ASCIISet: Sendable {
    /// A bit for each byte below 64, and for each from 64 to 127.
    private let low: UInt64
    private let high: UInt64

    @inline(__always)
    func contains(_ byte: UInt8) -> Bool {
        byte < 128 && (byte < 64 ? low : high) &>> UInt64(byte & 63) & 1 != 0
    }

    // Literals, so that they are there when the program starts; a test spells them out.
    static let alphanumeric = ASCIISet(low: 0x03FF_0000_0000_0000, high: 0x07FF_FFFE_07FF_FFFE)
    /// Letters, digits, `_` and `-`.
    static let token = ASCIISet(low: 0x03FF_2000_0000_0000, high: 0x07FF_FFFE_87FF_FFFE)
    static let digits = ASCIISet(low: 0x03FF_0000_0000_0000, high: 0)
    static let hex = ASCIISet(low: 0x03FF_0000_0000_0000, high: 0x0000_007E_0000_007E)
    /// Digits and capitals.
    static let upper = ASCIISet(low: 0x03FF_0000_0000_0000, high: 0x0000_0000_07FF_FFFE)
    /// Digits and small letters.
    static let lower = ASCIISet(low: 0x03FF_0000_0000_0000, high: 0x07FF_FFFE_0000_0000)
    /// Letters, digits, `+`, `/` and `=`.
    static let base64 = ASCIISet(low: 0x23FF_8800_0000_0000, high: 0x07FF_FFFE_07FF_FFFE)
    /// Letters, digits and `%`.
    static let percent = ASCIISet(low: 0x03FF_0020_0000_0000, high: 0x07FF_FFFE_07FF_FFFE)
    /// ``token``, `.`, `~` and `=`.
    static let dotted = ASCIISet(low: 0x23FF_6000_0000_0000, high: 0x47FF_FFFE_87FF_FFFE)
    /// What goes on with a token to the left of one of its runs: ``dotted``, `/` and `+`.
    static let tokenSign = ASCIISet(low: 0x23FF_E800_0000_0000, high: 0x47FF_FFFE_87FF_FFFE)
    /// What may stand between the parts of a credential that starts before a run of its: ``tokenSign``, `:`, `|`, `$` and `}`.
    static let tokenLead = ASCIISet(low: 0x27FF_E810_0000_0000, high: 0x77FF_FFFE_87FF_FFFE)
    /// What stands between the words of a name: `.`, `:`, `/`, `#`, `@` and the space.
    static let joint = ASCIISet(low: 0x0400_C009_0000_0000, high: 0x0000_0000_0000_0001)
}
