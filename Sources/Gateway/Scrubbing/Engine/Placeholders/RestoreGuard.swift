/// Follows an answer's Markdown and HTML far enough to tell where a value may not stand: fenced code, inline code (unless the placeholder
/// opens it), link destinations, reference definitions, HTML tags, and tokens that contain a URL. One byte at a time, so chunks make no
/// difference. When in doubt it says no: a placeholder is then shown as it is.
struct RestoreGuard: Sendable {
    private enum Line: Sendable {
        /// Only indentation, quote and list marks so far.
        case start
        /// Fence characters at the start: how many of which.
        case fence(UInt8, Int)
        /// In the brackets of what may be a reference definition.
        case label
        /// Behind them.
        case labelEnd
        case text
    }

    private enum Link: Sendable {
        case none
        /// Behind `](`, before the destination.
        case opening
        /// In the destination, this many parentheses deep.
        case destination(Int)
        /// In `<…>` as the destination.
        case angle
    }

    private enum Tag: Sendable {
        case none
        /// Behind `<`.
        case opened
        case inside
        /// Behind `=` in a tag, where a quotation may start.
        case value
        case quoted(UInt8)
    }

    private var line = Line.start
    /// The fence that is open: character and length; length 0 when none is.
    private var fence: (character: UInt8, length: Int) = (0, 0)
    private var isDefinition = false
    private var link = Link.none
    private var tag = Tag.none
    /// Backticks that opened inline code, 0 outside of it; and the backticks seen just now.
    private var codeLength = 0
    private var backticks = 0
    /// The last eight bytes of the token, in lower case.
    private var recent: UInt64 = 0
    private var hasURL = false
    private var hasDot = false
    private var isEscaped = false

    /// A value may be put here.
    var allowsValues: Bool {
        guard fence.length == 0, !isDefinition, !hasURL, case .none = link else { return false }
        switch tag {
        case .none, .opened: break
        case .inside, .value, .quoted: return false
        }
        if case .fence(_, let count) = line, count >= 3 { return false }
        // Backticks that were just seen close code of that length, or open it: a placeholder that opens inline code is restored.
        if backticks > 0 { return backticks == 1 || codeLength == backticks }
        return codeLength == 0
    }

    mutating func advance(_ byte: UInt8) {
        advanceLine(byte)
        guard fence.length == 0 else { return }
        advanceCode(byte)
        advanceToken(byte)
        advanceLink(byte)
        advanceTag(byte)
        isEscaped = byte == UInt8(ascii: "\\") && !isEscaped
    }

    private mutating func advanceLine(_ byte: UInt8) {
        if byte == UInt8(ascii: "\n") {
            endLine()
            return
        }
        switch line {
        case .start:
            switch byte {
            case UInt8(ascii: "`"), UInt8(ascii: "~"): line = .fence(byte, 1)
            case UInt8(ascii: "["): line = .label
            case 0x20, 9, 13, UInt8(ascii: ">"), UInt8(ascii: "-"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "."),
                UInt8(ascii: ")"), 0x30...0x39:
                break
            default: line = .text
            }
        case .fence(let character, let count):
            if byte == character {
                line = .fence(character, count + 1)
            } else if count >= 3, fence.length > 0 {
                // A closing fence has only spaces behind it.
                if byte != 0x20, byte != 9, byte != 13 { line = .text }
            } else if count >= 3 {
                fence = (character, count)
                line = .text
            } else {
                line = .text
            }
        case .label: if byte == UInt8(ascii: "]") { line = .labelEnd }
        case .labelEnd:
            if byte == UInt8(ascii: ":") { isDefinition = true }
            line = .text
        case .text: break
        }
    }

    private mutating func endLine() {
        if case .fence(let character, let count) = line, count >= 3 {
            if fence.length == 0 {
                fence = (character, count)
            } else if character == fence.character, count >= fence.length {
                fence = (0, 0)
            }
            codeLength = 0
            backticks = 0
        }
        // An empty line ends the paragraph, and with it code and links that were not closed.
        if case .start = line {
            codeLength = 0
            link = .none
        }
        line = .start
        isDefinition = false
    }

    private mutating func advanceCode(_ byte: UInt8) {
        if byte == UInt8(ascii: "`"), codeLength > 0 || !isEscaped {
            backticks += 1
        } else if backticks > 0 {
            if codeLength == 0 { codeLength = backticks } else if codeLength == backticks { codeLength = 0 }
            backticks = 0
        }
    }

    private mutating func advanceToken(_ byte: UInt8) {
        if byte.isSpace {
            recent = 0
            hasURL = false
            hasDot = false
            return
        }
        recent = recent << 8 | UInt64(byte.lowercased)
        if recent & 0xFFFF == 0x2F2F { hasURL = true }  // //
        if recent & 0xFFFF_FFFF == 0x7777_772E { hasURL = true }  // www.
        if recent & 0xFF_FFFF_FFFF == 0x64_6174_613A { hasURL = true }  // data:
        switch recent & 0xFFFF_FFFF {
        case 0x7465_6C3A, 0x736D_733A, 0x6C74_6F3A, 0x6970_743A: hasURL = true  // tel:, sms:, [mai]lto:, [scr]ipt:
        default: break
        }
        if hasDot, byte == UInt8(ascii: "/") || byte == UInt8(ascii: "?") { hasURL = true }
        if byte == UInt8(ascii: ".") { hasDot = true }
    }

    private mutating func advanceLink(_ byte: UInt8) {
        switch link {
        case .none:
            if byte == UInt8(ascii: "("), recent & 0xFFFF == 0x5D28 { link = .opening }  // ](
        case .opening:
            if byte == UInt8(ascii: "<") {
                link = .angle
            } else if byte == UInt8(ascii: ")") {
                link = .none
            } else if !byte.isSpace {
                link = .destination(byte == UInt8(ascii: "(") ? 2 : 1)
            }
        case .destination(let depth):
            if isEscaped { return }
            if byte == UInt8(ascii: "(") { link = .destination(depth + 1) }
            if byte == UInt8(ascii: ")") { link = depth > 1 ? .destination(depth - 1) : .none }
        case .angle:
            if byte == UInt8(ascii: ">"), !isEscaped { link = .destination(1) }
        }
    }

    private mutating func advanceTag(_ byte: UInt8) {
        switch tag {
        case .none:
            if byte == UInt8(ascii: "<"), !isEscaped { tag = .opened }
        case .opened:
            let opens = byte.isLetter || byte == UInt8(ascii: "/") || byte == UInt8(ascii: "!") || byte == UInt8(ascii: "?")
            tag = opens ? .inside : (byte == UInt8(ascii: "<") ? .opened : .none)
        case .inside:
            if byte == UInt8(ascii: ">") { tag = .none } else if byte == UInt8(ascii: "=") { tag = .value }
        case .value:
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                tag = .quoted(byte)
            } else if byte == UInt8(ascii: ">") {
                tag = .none
            } else if !byte.isSpace {
                tag = .inside
            }
        case .quoted(let quote):
            if byte == quote { tag = .inside }
        }
    }
}
