/// What scalars beyond ASCII stand for in a ``FoldedText``.
enum Lookalikes {
    /// The ASCII byte that `scalar` reads as; 0 where it has no width and is left out; nil where it is itself.
    static func ascii(_ scalar: UInt32) -> UInt8? {
        switch scalar {
        case 0xAD, 0x34F, 0x180E, 0x200B...0x200F, 0x202A...0x202E, 0x2060...0x2064, 0x2066...0x206F, 0xFE00...0xFE0F, 0xFEFF: return 0
        case 0xA0, 0x2000...0x200A, 0x202F, 0x205F, 0x3000: return 0x20
        case 0x2010...0x2015, 0x2212, 0xFE58, 0xFE63: return UInt8(ascii: "-")
        case 0x2024, 0xFF61: return UInt8(ascii: ".")
        case 0x2044, 0x2215: return UInt8(ascii: "/")
        case 0xFF01...0xFF5E: return UInt8(truncatingIfNeeded: scalar - 0xFEE0)
        case 0x370...0x3FF: return byte(of: scalar, in: greek)
        case 0x400...0x52F: return byte(of: scalar, in: cyrillic)
        case 0x1D400...0x1D6A3: return letter(scalar - 0x1D400)
        case 0x1D7CE...0x1D7FF: return UInt8(ascii: "0") + UInt8(truncatingIfNeeded: (scalar - 0x1D7CE) % 10)
        default: return digit(scalar)
        }
    }

    /// Mathematical letters: thirteen alphabets of capitals and small letters.
    private static func letter(_ offset: UInt32) -> UInt8 {
        let place = UInt8(truncatingIfNeeded: offset % 52)
        return place < 26 ? UInt8(ascii: "A") + place : UInt8(ascii: "a") + place - 26
    }

    /// Decimal digits of other scripts: each block's zero.
    private static let zeros: [UInt32] = [
        0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50, 0xED0, 0xF20, 0x1040, 0x1090,
        0x17E0,
        0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xAA50, 0xABF0, 0x104A0,
        0x11066,
    ]

    private static func digit(_ scalar: UInt32) -> UInt8? {
        // Punctuation, signs and East Asian letters have none; most of what is not ASCII is one of these.
        guard scalar >= 0x660, scalar < 0x2000 || scalar >= 0xA620 else { return nil }
        guard let zero = zeros.last(where: { $0 <= scalar }), scalar - zero < 10 else { return nil }
        return UInt8(ascii: "0") + UInt8(truncatingIfNeeded: scalar - zero)
    }

    /// Letters that look like Latin ones in most typefaces, and what they look like.
    private static let greek: [(UInt32, UInt8)] = pairs("ΑAΒBΕEΖZΗHΙIΚKΜMΝNΟOΡPΤTΥYΧXοoνvρp")
    private static let cyrillic: [(UInt32, UInt8)] = pairs("АAВBЕEКKМMНHОOРPСCТTХXІIЈJЅSаaеeоoрpсcуyхxіiјjѕsԁdһhԛqԜWԝw")

    private static func pairs(_ list: String) -> [(UInt32, UInt8)] {
        let scalars = Array(list.unicodeScalars)
        return stride(from: 0, to: scalars.count - 1, by: 2).map { (scalars[$0].value, UInt8(truncatingIfNeeded: scalars[$0 + 1].value)) }
    }

    private static func byte(of scalar: UInt32, in table: [(UInt32, UInt8)]) -> UInt8? {
        table.first { $0.0 == scalar }?.1
    }
}
