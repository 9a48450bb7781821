extension JSONScanner {
    /// Scans the string whose opening quote is at `start`.
    @inline(__always)
    mutating func scanString(_ start: Int, _ kind: JSONKind) -> Int {
        var flags: JSONNode.Flags = []
        var position = start &+ 1
        while true {
            position = JSONText.plainRunEnd(bytes, from: position, to: end)
            guard position < end else { return unexpected(position) }
            let found = byte(position)
            if found == JSONText.quote {
                return append(kind, from: start, to: position &+ 1, flags)
            }
            guard found >= 0x20 else { return fail(.controlCharacter, at: position) }
            if found == JSONText.backslash {
                flags = .hasEscapes
                position = scanEscape(position)
            } else {
                position = scanNonASCII(position)
            }
            guard position >= 0 else { return position }
        }
    }

    /// Passes a run of non-ASCII characters.
    private mutating func scanNonASCII(_ start: Int) -> Int {
        var position = start
        repeat {
            let length = JSONText.multibyteLength(bytes, at: position, to: end)
            guard length > 0 else { return fail(.invalidUTF8, at: position) }
            position &+= length
        } while position < end && byte(position) >= 0x80
        return position
    }

    @inline(__always)
    private mutating func scanEscape(_ start: Int) -> Int {
        guard end &- start >= 2 else { return fail(.unexpectedEnd, at: end) }
        switch byte(start &+ 1) {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"), UInt8(ascii: "n"),
            UInt8(ascii: "r"), UInt8(ascii: "t"):
            return start &+ 2
        case UInt8(ascii: "u"): return scanUnicodeEscape(start)
        default: return fail(.invalidEscape, at: start)
        }
    }

    /// Scans a `\u` escape, or the two that make a surrogate pair.
    private mutating func scanUnicodeEscape(_ start: Int) -> Int {
        guard end &- start >= 6 else { return fail(.unexpectedEnd, at: end) }
        guard let unit = JSONText.hexadecimal4(bytes, at: start &+ 2) else { return fail(.invalidEscape, at: start) }
        guard unit & 0xF800 == 0xD800 else { return start &+ 6 }
        let second = start &+ 6
        guard unit < 0xDC00 else { return fail(.loneSurrogate, at: start) }
        guard second < end else { return fail(.unexpectedEnd, at: end) }
        guard byte(second) == JSONText.backslash else { return fail(.loneSurrogate, at: start) }
        guard second &+ 1 < end else { return fail(.unexpectedEnd, at: end) }
        guard byte(second &+ 1) == UInt8(ascii: "u") else { return fail(.loneSurrogate, at: start) }
        guard end &- second >= 6 else { return fail(.unexpectedEnd, at: end) }
        guard let low = JSONText.hexadecimal4(bytes, at: second &+ 2) else { return fail(.invalidEscape, at: second) }
        return low & 0xFC00 == 0xDC00 ? second &+ 6 : fail(.loneSurrogate, at: start)
    }

    /// Scans the number that starts at `start`.
    @inline(__always)
    mutating func scanNumber(_ start: Int) -> Int {
        let integerStart = byte(start) == UInt8(ascii: "-") ? start &+ 1 : start
        var position = passDigits(integerStart)
        guard position >= 0 else { return position }
        let integerDigits = position &- integerStart
        if integerDigits > 1, byte(integerStart) == UInt8(ascii: "0") { return fail(.invalidNumber, at: integerStart) }
        var digits = integerDigits
        var flags: JSONNode.Flags = .isInteger
        if position < end, byte(position) == UInt8(ascii: ".") {
            flags = []
            let fractionStart = position &+ 1
            position = passDigits(fractionStart)
            guard position >= 0 else { return position }
            digits &+= position &- fractionStart
        }
        var mayOverflow = integerDigits > 308
        if position < end, byte(position) | 0x20 == UInt8(ascii: "e") {
            flags = []
            position &+= 1
            if position < end, byte(position) == UInt8(ascii: "+") || byte(position) == UInt8(ascii: "-") { position &+= 1 }
            position = passDigits(position)
            guard position >= 0 else { return position }
            mayOverflow = true
        }
        if mayOverflow, !JSONNumber.isFinite(UnsafeRawBufferPointer(start: bytes + start, count: position &- start)) {
            return fail(.numberOutOfRange, at: start)
        }
        if digits >= 8 { flags.insert(.hasEightDigits) }
        return append(.number, from: start, to: position, flags)
    }

    /// Passes one digit or more.
    @inline(__always)
    private mutating func passDigits(_ start: Int) -> Int {
        var position = start
        while position < end, byte(position) &- UInt8(ascii: "0") <= 9 { position &+= 1 }
        guard position > start else { return fail(position < end ? .invalidNumber : .unexpectedEnd, at: position) }
        return position
    }
}
