extension Assignment {
    /// What stands behind an assignment: its bytes without quotes, and what can be said about them.
    struct Value {
        /// Where the value may start, before quotes: where a stream would hold.
        let start: Int
        private(set) var range: Range<Int>
        let isQuoted: Bool
        private var lower = 0
        private var upper = 0
        private var digits = 0
        private var signs = 0
        private var distinct = 0
        private var isSpaced = false
        private var isMasked = false

        var end: Int { range.upperBound }

        /// Skips the rest of the operator, white space and a quote; then takes everything up to the quote, or to the end of the word.
        ///
        /// `inElement`: everything up to a `<`.
        ///
        /// `inPhrase`: up to white space or a quote, since a sentence has no separators of fields.
        init(_ text: inout Text, from start: Int, inElement: Bool = false, inPhrase: Bool = false) {
            self.start = start
            var index = start
            for _ in 0..<4 {
                let byte = text.byte(index)
                guard byte == UInt8(ascii: ">") || byte == UInt8(ascii: "=") || byte == UInt8(ascii: ":") else { break }
                index += 1
            }
            if inElement {
                isQuoted = true
                // The value may stand on a line of its own.
                for _ in 0..<12 where text.byte(index).isSpace { index += 1 }
                range = index..<Self.end(&text, from: index, quote: UInt8(ascii: "<"))
                count(text)
                return
            }
            for _ in 0..<3 where text.byte(index) == UInt8(ascii: " ") { index += 1 }
            index = Self.blockStart(&text, from: index)
            index = Self.defaultStart(&text, from: index)
            if index == start, text.byte(index) == UInt8(ascii: "-"), text.base[index - 1] == UInt8(ascii: ":") { index += 1 }
            // `\"` inside of a string; `b"…"`, `f'…'`, `@"…"`.
            if text.byte(index) == UInt8(ascii: "\\") { index += 1 }
            if Self.isLiteralPrefix(text.byte(index)), Self.isQuote(text.byte(index + 1)) { index += 1 }
            let quote = text.byte(index)
            isQuoted = Self.isQuote(quote)
            if isQuoted { index += 1 }
            let body = isQuoted ? index : Self.schemeEnd(&text, from: index)
            let isBraced = !isQuoted && body == index && quote == UInt8(ascii: "{") && text.byte(index + 1) == quote
            range =
                index..<(isBraced
                ? Self.wordEnd(&text, from: body) : Self.end(&text, from: body, quote: isQuoted ? quote : nil, inPhrase: inPhrase))
            count(text)
        }

        /// The end of what begins as a template does; a password may, and has more such signs then.
        private static func wordEnd(_ text: inout Text, from start: Int) -> Int {
            var index = start
            while index - start < 128, text.byte(index) > 0x20 { index += 1 }
            return index
        }

        /// Behind `{SSHA}`, the scheme of a directory's hash; `start` if there is none.
        private static func schemeEnd(_ text: inout Text, from start: Int) -> Int {
            guard text.byte(start) == UInt8(ascii: "{") else { return start }
            var index = start + 1
            while index - start < 14, ASCIISet.upper.contains(text.byte(index)) || text.byte(index) == UInt8(ascii: "-") { index += 1 }
            return index - start > 3 && text.byte(index) == UInt8(ascii: "}") ? index + 1 : start
        }

        private static func isQuote(_ byte: UInt8) -> Bool {
            byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") || byte == UInt8(ascii: "`")
        }

        private static func isLiteralPrefix(_ byte: UInt8) -> Bool {
            let letter = byte.lowercased
            return letter == UInt8(ascii: "b") || letter == UInt8(ascii: "f") || letter == UInt8(ascii: "r") || letter == UInt8(ascii: "u")
                || letter == UInt8(ascii: "@") || letter == UInt8(ascii: "$")
        }

        /// The start of the line behind `|` or `>-`, as YAML writes text of several lines; `start` if there is no such thing.
        private static func blockStart(_ text: inout Text, from start: Int) -> Int {
            guard text.byte(start) == UInt8(ascii: "|") || text.byte(start) == UInt8(ascii: ">") else { return start }
            var index = start + 1
            if text.byte(index) == UInt8(ascii: "-") || text.byte(index) == UInt8(ascii: "+") { index += 1 }
            if text.byte(index) == UInt8(ascii: "\r") { index += 1 }
            guard text.byte(index) == UInt8(ascii: "\n") else { return start }
            index += 1
            for _ in 0..<6 where text.byte(index) == UInt8(ascii: " ") { index += 1 }
            return index
        }

        /// Behind `${NAME:-`, where a reference's default stands; `start` if there is no such thing.
        private static func defaultStart(_ text: inout Text, from start: Int) -> Int {
            guard text.byte(start) == UInt8(ascii: "$"), text.byte(start + 1) == UInt8(ascii: "{") else { return start }
            var index = start + 2
            while index - start < 32, text.byte(index).isWordByte { index += 1 }
            return text.byte(index) == UInt8(ascii: ":") && text.byte(index + 1) == UInt8(ascii: "-") ? index + 2 : start
        }

        /// At most ``Limits/assignedValue`` bytes: a quoted value ends at its quote, a line end or an escape of the quote, a bare one at a stop.
        private static func end(_ text: inout Text, from start: Int, quote: UInt8?, inPhrase: Bool = false) -> Int {
            let limit = min(start + Limits.assignedValue, text.count)
            var index = start
            if let quote {
                while index < limit {
                    let byte = text.base[index]
                    if byte == quote || byte == UInt8(ascii: "\n") || byte == 0 { break }
                    if byte == UInt8(ascii: "\\"), text.byte(index + 1) == quote { break }
                    index &+= 1
                }
            } else {
                let (low, high) = stops
                // Of a chain of assignments without a stop, each byte is looked at once.
                let isKnown = !inPhrase && text.withoutStops.contains(start)
                if isKnown { index = min(text.withoutStops.upperBound, limit) }
                defer { if !inPhrase { text.withoutStops = (isKnown ? text.withoutStops.lowerBound : start)..<index } }
                while index < limit {
                    let byte = text.base[index]
                    if byte < 128, (byte < 64 ? low : high) &>> UInt64(byte & 63) & 1 != 0 {
                        // `Tr0ub4dor&3` in a sentence.
                        guard inPhrase, byte == UInt8(ascii: "&"), text.byte(index + 1).isAlphanumeric else { break }
                    }
                    index &+= 1
                }
            }
            if index >= text.count, index < start + Limits.assignedValue { text.reachedEnd = true }
            guard quote == nil else { return index }
            while index > start, isTrailing(text.base[index - 1], inPhrase: inPhrase) { index -= 1 }
            return index
        }

        /// A sentence's or a clause's end, no part of a value.
        private static func isTrailing(_ byte: UInt8, inPhrase: Bool) -> Bool {
            byte == UInt8(ascii: ".") || byte == UInt8(ascii: ":") || inPhrase && byte == UInt8(ascii: "?")
        }

        /// Control characters, the space, and signs that enclose or separate values: a bit for each byte below 64, and below 128.
        private static let stops: (UInt64, UInt64) = {
            var words: (UInt64, UInt64) = (0x1_FFFF_FFFF, 0)
            for byte in ",;&\"'<>()".utf8 { words.0 |= 1 << UInt64(byte) }
            for byte in "`[]{}\\".utf8 { words.1 |= 1 << UInt64(byte - 64) }
            return words
        }()

        /// Counts what there is of each class; not in a value that is too long to be one.
        private mutating func count(_ text: Text) {
            guard range.count < Limits.assignedValue else { return }
            var (lower, upper, digits, spaces, stars) = (0, 0, 0, 0, 0)
            // A bit for each byte below 64, below 128, and so on.
            var (first, second, third, fourth): (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
            for index in range {
                let byte = text.base[index]
                lower &+= byte &- 0x61 < 26 ? 1 : 0
                upper &+= byte &- 0x41 < 26 ? 1 : 0
                digits &+= byte.isDigit ? 1 : 0
                spaces &+= byte == UInt8(ascii: " ") ? 1 : 0
                let bit = 1 &<< UInt64(byte & 63)
                if byte < 64 {
                    first |= bit
                } else if byte < 128 {
                    second |= bit
                } else if byte < 192 {
                    third |= bit
                } else {
                    fourth |= bit
                }
                stars &+= byte == UInt8(ascii: "*") ? 1 : 0
            }
            // A mask, perhaps our own.
            let star = UInt8(ascii: "*")
            let next = range.count > 1 ? text.base[range.lowerBound + 1] : 0
            let startsMasked = stars > 1 && text.base[range.lowerBound] == star && (next == star || next == UInt8(ascii: "-"))
            isMasked = startsMasked || stars > 1 && 2 * stars >= range.count
            (self.lower, self.upper, self.digits, isSpaced) = (lower, upper, digits, spaces > 0)
            signs = range.count - lower - upper - digits
            distinct = first.nonzeroBitCount + second.nonzeroBitCount + third.nonzeroBitCount + fourth.nonzeroBitCount
        }

        /// `String = "…"`: this value is a type, and the next one is the value.
        func behindType(_ text: inout Text) -> Value? {
            guard digits == 0, (1...24).contains(range.count), lower + upper == range.count else { return nil }
            var index = end
            if text.byte(index) == UInt8(ascii: "?") { index += 1 }
            guard text.byte(index) == UInt8(ascii: " "), text.byte(index + 1) == UInt8(ascii: "="),
                text.byte(index + 2) != UInt8(ascii: "=")
            else { return nil }
            let value = Value(&text, from: index + 2)
            return value.isQuoted ? value : nil
        }

        /// Looks enough like a password or a key.
        func isSecretive(_ text: Text, strength: CredentialName.Strength) -> Bool {
            guard isLiteral(text), !isSpaced else { return false }
            switch strength {
            case .password:
                guard range.count >= 6, !isAssignment(text) else { return false }
                if lower + upper == 0 { return digits == range.count && digits <= 16 && distinct > 1 }
                let classes = (lower > 0 ? 1 : 0) + (upper > 0 ? 1 : 0) + (digits > 0 ? 1 : 0) + (signs > 0 ? 1 : 0)
                guard classes >= 2, isQuoted || digits > 0 || signs > 1 else { return false }
                if digits == 0, upper == 0 || !isQuoted, isPath(text) || isLocation(text) { return false }
                return digits > 0 || signs > 0 || isQuoted && distinct >= 6
            case .key, .authorization:
                guard !isAssignment(text), range.count >= 12, distinct >= 8, lower + upper > 1 else { return false }
                let isMixed = digits > 1 || digits > 0 && lower > 0 && upper > 0
                return isMixed && !isPath(text) || isShuffled(text)
            case .anyKey, .session:
                return !isAssignment(text) && range.count >= 20 && distinct >= 10 && digits > 2 && lower + upper > 2 && !isPath(text)
            }
        }

        /// In a connection string, or beside the name of a user, any word is a password.
        func isPlain(_ text: Text, isField: Bool = false) -> Bool {
            guard isLiteral(text), !isSpaced, range.count >= 4, lower + upper + digits > 2 else { return false }
            return isField || !isEmptyWord(text) && !isLocation(text)
        }

        /// Behind `password is` or only `password`: what no sentence goes on with.
        func isPhrased(_ text: Text, hasVerb: Bool) -> Bool {
            guard isLiteral(text), !isSpaced, range.count >= (hasVerb ? 4 : 6) else { return false }
            if lower + upper == 0 { return hasVerb && digits >= 4 && digits == range.count }
            let inner = range.dropLast()
            let hasInnerSign = inner.contains { !text.base[$0].isAlphanumeric && text.base[$0] < 0x80 && !Self.isHyphen(text.base[$0]) }
            return digits > 0 && !isOrdinal(text) || hasInnerSign && lower + upper > 2 && !isPath(text)
        }

        /// `Bearer`, `Basic` and other schemes: one word of letters.
        func isScheme(_ text: Text) -> Bool {
            lower + upper == range.count && (4...12).contains(range.count)
        }

        /// Long, and of all classes.
        var isSalt: Bool { range.count >= 32 && distinct >= 12 && digits > 0 && lower > 0 && upper > 0 }

        func isVaried(_ text: Text) -> Bool {
            isLiteral(text) && distinct >= 6 && (digits > 0 || lower > 0 && upper > 0)
        }

        /// Capitals and small letters in turn, as no words have them.
        private func isShuffled(_ text: Text) -> Bool {
            guard range.count >= 16, signs <= 2, 5 * upper >= 2 * lower, 5 * lower >= upper else { return false }
            let turns = zip(range, range.dropFirst()).count { (text.base[$0] ^ text.base[$1]) & 0x20 != 0 }
            return 5 * turns >= 2 * range.count
        }

        /// Not a reference to a value elsewhere (`$VAR`, `%s`, `{{…}}`), a mask, a placeholder (`<…>`, `your-key`), a path or a URL.
        private func isLiteral(_ text: Text) -> Bool {
            guard !range.isEmpty, range.count < Limits.assignedValue, !isMasked, distinct > 1, !isStandIn(text) else { return false }
            let first = text.base[range.lowerBound]
            let second = range.count > 1 ? text.base[range.lowerBound + 1] : 0
            switch first {
            case UInt8(ascii: "$"):
                if !isQuoted { return false }
                let isReference = second == UInt8(ascii: "{") || second == UInt8(ascii: "(")
                if isReference, range.contains(where: { text.base[$0] == second + 2 || text.base[$0] == second + 1 }) { return false }
                if digits == 0 || upper == 0 || lower == 0, range.dropFirst().allSatisfy({ text.base[$0].isWordByte }) { return false }
            case UInt8(ascii: "{"): return second == first ? hasLoneBrace(text) : isHash(text)
            case UInt8(ascii: "<"), UInt8(ascii: "~"): return false
            case UInt8(ascii: "a"): if starts(text, with: "arn:") { return false }
            case UInt8(ascii: "&"): if starts(text, with: "&lt;") { return false }
            // `!Ref`, `#id`, `'$NAME'`
            case UInt8(ascii: "!"), UInt8(ascii: "#"):
                if digits == 0, !isQuoted || upper == 0 || signs - hyphens(text) < 2 { return false }
            case UInt8(ascii: "'"), UInt8(ascii: "\""): if second == UInt8(ascii: "$") { return false }
            case UInt8(ascii: "*"): if !isQuoted { return false }
            // A path, or base 64.
            case UInt8(ascii: "/"): if range.count < 32 || digits < 3 || upper < 3 { return false }
            case UInt8(ascii: "%"):
                if range.count < 8 || second == UInt8(ascii: "{") { return false }
                if second == UInt8(ascii: "("), range.contains(where: { text.base[$0] == UInt8(ascii: ")") }) { return false }
            case UInt8(ascii: "y"), UInt8(ascii: "Y"):
                if starts(text, with: "your"), range.count == 4 || !(text.base[range.lowerBound + 4] &- 0x61 < 26) { return false }
            // The next option of a command.
            case UInt8(ascii: "-"): if second == first { return false }
            case UInt8(ascii: "."): if second == UInt8(ascii: "/") || second == first { return false }
            case UInt8(ascii: "h"): if starts(text, with: "http") { return false }
            default: break
            }
            return true
        }

        /// `{{h}o)p$…`: what begins as a template and has a brace in it that closes or opens none; and it is a value, not a list.
        private func hasLoneBrace(_ text: Text) -> Bool {
            guard range.count <= 128 else { return false }
            var index = range.lowerBound + 2
            while index < range.upperBound {
                let byte = text.base[index]
                if byte == UInt8(ascii: ":") || byte == UInt8(ascii: ",") { return false }
                if byte == UInt8(ascii: "{") || byte == UInt8(ascii: "}") {
                    return index + 1 < range.upperBound && text.base[index + 1] != byte && text.base[index + 1] > 0x20
                }
                index += 1
            }
            return false
        }

        /// `{SSHA}…`: a hash in a directory; `{…}`: what Jenkins encrypted.
        private func isHash(_ text: Text) -> Bool {
            guard text.base[range.lowerBound] == UInt8(ascii: "{"), range.count >= 24, digits > 0 else { return false }
            let inner = range.dropFirst().prefix { ASCIISet.base64.contains(text.base[$0]) || Self.isHyphen(text.base[$0]) }
            guard inner.endIndex < range.upperBound, text.base[inner.endIndex] == UInt8(ascii: "}") else { return false }
            return (3...12).contains(inner.count) || inner.endIndex == range.upperBound - 1 && inner.count >= 40
        }

        /// A name that stands where the value comes: `%DB_PASSWORD%`, `__TOKEN__`, `@KEY@`, `DB_PASSWORD`, `prefix-{id}`, `password_here`; a
        /// label: `Password:`.
        private func isStandIn(_ text: Text) -> Bool {
            guard signs > 0 else { return false }
            let first = text.base[range.lowerBound]
            let last = text.base[range.upperBound - 1]
            if first == last, first == UInt8(ascii: "%") || first == UInt8(ascii: "@"), signs == underscores(text) + 2 { return true }
            if digits == 0 {
                if lower == 0, upper > 2, signs == underscores(text) { return true }
                if last == UInt8(ascii: ":") || ends(text, with: "here") && hyphens(text) > 0 { return true }
            }
            let isTemplate = first == UInt8(ascii: "{") && range.count > 1 && text.base[range.lowerBound + 1] == first
            guard isQuoted, !isTemplate, signs > 1, let open = range.dropFirst().first(where: { text.base[$0] == UInt8(ascii: "{") }) else {
                return false
            }
            let inner = range.suffix(from: open + 1).prefix { text.base[$0].isWordByte || text.base[$0] == UInt8(ascii: ".") }
            return inner.endIndex < range.upperBound && text.base[inner.endIndex] == UInt8(ascii: "}")
        }

        /// Words, the last of which is a credential's: `new_password`, `app.secret`, `#user-token`.
        func isName(_ text: Text) -> Bool {
            guard digits == 0, let name = CredentialName.match(text, before: end), name.start >= range.lowerBound else { return false }
            let isWord = name.start == range.lowerBound || CredentialName.isBoundary(text, name.start)
            return isWord && range.allSatisfy { text.base[$0].isTokenByte || ASCIISet.joint.contains(text.base[$0]) }
        }

        private func underscores(_ text: Text) -> Int { range.count { text.base[$0] == UInt8(ascii: "_") } }

        private func hyphens(_ text: Text) -> Int { range.count { Self.isHyphen(text.base[$0]) } }

        /// `sites/passwords#edit`
        private func isLocation(_ text: Text) -> Bool {
            digits == 0 && range.contains { text.base[$0] == UInt8(ascii: "/") }
                && range.allSatisfy { text.base[$0].isTokenByte || ASCIISet.joint.contains(text.base[$0]) }
        }

        /// Words of letters with dots, slashes or hyphens between them, and hardly a digit: `os.environ`, `config.db.pass1`, `my-secret-2`.
        private func isPath(_ text: Text) -> Bool {
            var joints = 0
            var longest = 0
            var run = 0
            for index in range {
                let byte = text.base[index]
                if byte == UInt8(ascii: ".") || byte == UInt8(ascii: "/") || Self.isHyphen(byte) || byte == UInt8(ascii: ":") {
                    joints += 1
                    run = 0
                } else {
                    run += 1
                    longest = max(longest, run)
                }
            }
            guard joints > 0, signs == joints, longest < 16 else { return false }
            return digits <= 2 || joints >= 2 && longest < 12 && !isUUID(text)
        }

        /// `name=value` behind a colon: not this value, but that one.
        private func isAssignment(_ text: Text) -> Bool {
            guard !isQuoted, let sign = range.dropLast(2).first(where: { text.base[$0] == UInt8(ascii: "=") }) else { return false }
            return (range.lowerBound..<sign).allSatisfy { !text.base[$0].isDigit && (text.base[$0].isTokenByte || text.base[$0] >= 0x80) }
        }

        private func isUUID(_ text: Text) -> Bool {
            range.count == 36 && range.allSatisfy { text.base[$0].isHexDigit || text.base[$0] == UInt8(ascii: "-") }
        }

        /// Without an assignment's sign a value must be long or of three classes, so that no identifier is taken for it.
        func isRandom(_ text: Text) -> Bool {
            // Words that are written as one have few capitals.
            let isMixed = digits > 0 && signs == 0 && 5 * upper >= 2 * lower && 5 * lower >= 2 * upper
            return isUUID(text) || digits > 2 && (lower > 2 && upper > 2 || range.count >= 22 && signs <= 2)
                || range.count >= 24 && isMixed || range.count >= 20 && digits == 0 && isShuffled(text)
        }

        /// `1st`, `2x`, `10th`: a number with an ending.
        private func isOrdinal(_ text: Text) -> Bool {
            text.base[range.lowerBound].isDigit && lower + upper <= 2 && signs == 0 && range.count < 8
        }

        /// Words that stand where a value would: `null`, `string`, `required`.
        private func isEmptyWord(_ text: Text) -> Bool {
            let words: [StaticString] = [
                "null", "none", "true", "false", "string", "required", "optional", "password", "undefined", "empty",
                "hidden", "text", "value", "redacted", "please", "must", "should", "that", "this", "your", "with",
                "from", "will", "when", "secret", "option", "flag", "argument", "parameter", "file", "stdin", "prompt",
                "instead", "which", "only", "also", "switch", "field", "input",
            ]
            return words.contains { $0.utf8CodeUnitCount == range.count && starts(text, with: $0) }
        }

        private func starts(_ text: Text, with word: StaticString) -> Bool {
            word.utf8CodeUnitCount <= range.count
                && (0..<word.utf8CodeUnitCount).allSatisfy { text.base[range.lowerBound + $0].lowercased == word.utf8Start[$0] }
        }

        private func ends(_ text: Text, with word: StaticString) -> Bool {
            let start = range.upperBound - word.utf8CodeUnitCount
            return start >= range.lowerBound
                && (0..<word.utf8CodeUnitCount).allSatisfy { text.base[start + $0].lowercased == word.utf8Start[$0] }
        }

        private static func isHyphen(_ byte: UInt8) -> Bool {
            byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
        }
    }
}
