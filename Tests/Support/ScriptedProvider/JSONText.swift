/// Writes JSON strings. Objects are written by templates, so that keys come in the order in which the real provider sends them.
enum JSONText {
    static func string(_ text: String) -> String {
        string(text, escaped: false)
    }

    /// - Parameter escaped: writes every UTF-16 unit as `\uXXXX`, which means the same.
    static func string(_ text: String, escaped: Bool) -> String {
        var json = "\""
        if escaped {
            for unit in text.utf16 {
                json += escape(unit)
            }
        } else {
            for scalar in text.unicodeScalars {
                switch scalar {
                case "\"": json += "\\\""
                case "\\": json += "\\\\"
                case "\n": json += "\\n"
                case "\r": json += "\\r"
                case "\t": json += "\\t"
                case "\u{0}"..<"\u{20}": json += escape(UInt16(scalar.value))
                default: json.unicodeScalars.append(scalar)
                }
            }
        }
        return json + "\""
    }

    private static func escape(_ unit: UInt16) -> String {
        let digits = String(unit, radix: 16)
        return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    }
}
