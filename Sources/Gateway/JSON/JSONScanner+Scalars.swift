extension JSONScanner {
    /// Scans the string whose opening quote is at `position`.
    @inline(__always)
    mutating func scanString(_ kind: JSONKind) throws(JSONFault) {
        let start = position
        var flags: JSONNode.Flags = []
        position &+= 1
        while true {
            position = JSONText.plainRunEnd(bytes, from: position, to: end)
            guard position < end else { throw unexpected() }
            let found = byte(position)
            if found == JSONText.quote {
                position &+= 1
                return try append(kind, from: start, to: position, flags)
            }
            if found == JSONText.backslash {
                flags = .hasEscapes
                try scanEscape()
            } else if found >= 0x80 {
                try scanNonASCII()
            } else {
                throw JSONFault(.controlCharacter, at: position)
            }
        }
    }

    /// Passes a run of non-ASCII characters.
    @inline(__always)
    private mutating func scanNonASCII() throws(JSONFault) {
        repeat {
            let length = JSONText.multibyteLength(bytes, at: position, to: end)
            guard length > 0 else { throw JSONFault(.invalidUTF8, at: position) }
            position &+= length
        } while position < end && byte(position) >= 0x80
    }

    private mutating func scanEscape() throws(JSONFault) {
        let start = position
        guard end &- position >= 2 else { throw JSONFault(.unexpectedEnd, at: end) }
        switch byte(position &+ 1) {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"), UInt8(ascii: "n"),
            UInt8(ascii: "r"), UInt8(ascii: "t"):
            position &+= 2
        case UInt8(ascii: "u"):
            let unit = try scanUnicodeEscape(at: start)
            guard unit & 0xF800 == 0xD800 else { return }
            guard unit < 0xDC00, end &- position >= 2, byte(position) == JSONText.backslash, byte(position &+ 1) == UInt8(ascii: "u") else {
                throw JSONFault(.loneSurrogate, at: start)
            }
            guard try scanUnicodeEscape(at: position) & 0xFC00 == 0xDC00 else { throw JSONFault(.loneSurrogate, at: start) }
        default: throw JSONFault(.invalidEscape, at: start)
        }
    }

    private mutating func scanUnicodeEscape(at start: Int) throws(JSONFault) -> UInt32 {
        guard end &- start >= 6 else { throw JSONFault(.unexpectedEnd, at: end) }
        guard let unit = JSONText.hexadecimal4(bytes, at: start &+ 2) else { throw JSONFault(.invalidEscape, at: start) }
        position = start &+ 6
        return unit
    }

    /// Scans the number that starts at `position`.
    @inline(__always)
    mutating func scanNumber() throws(JSONFault) {
        let start = position
        if byte(position) == UInt8(ascii: "-") { position &+= 1 }
        let integerStart = position
        try passDigits()
        let integerDigits = position &- integerStart
        if integerDigits > 1, byte(integerStart) == UInt8(ascii: "0") { throw JSONFault(.invalidNumber, at: integerStart) }
        var digits = integerDigits
        var flags: JSONNode.Flags = .isInteger
        if position < end, byte(position) == UInt8(ascii: ".") {
            flags = []
            position &+= 1
            let fractionStart = position
            try passDigits()
            digits &+= position &- fractionStart
        }
        var mayOverflow = integerDigits > 308
        if position < end, byte(position) | 0x20 == UInt8(ascii: "e") {
            flags = []
            position &+= 1
            if position < end, byte(position) == UInt8(ascii: "+") || byte(position) == UInt8(ascii: "-") { position &+= 1 }
            try passDigits()
            mayOverflow = true
        }
        if mayOverflow, !JSONNumber.isFinite(UnsafeRawBufferPointer(start: bytes + start, count: position &- start)) {
            throw JSONFault(.numberOutOfRange, at: start)
        }
        if digits >= 8 { flags.insert(.hasEightDigits) }
        try append(.number, from: start, to: position, flags)
    }

    /// Passes one digit or more.
    @inline(__always)
    private mutating func passDigits() throws(JSONFault) {
        let start = position
        while position < end, byte(position) &- UInt8(ascii: "0") <= 9 { position &+= 1 }
        guard position > start else { throw JSONFault(position < end ? .invalidNumber : .unexpectedEnd, at: position) }
    }
}
