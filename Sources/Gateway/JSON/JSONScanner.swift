/// One pass over a document: checks RFC 8259's grammar and writes a node per value and key.
///
/// Containers need no stack: the node of each open one remembers the one around it in `next`, until its end is known.
struct JSONScanner {
    let bytes: UnsafeRawPointer
    let end: Int
    let limits: JSONLimits
    var tape: JSONTape
    var position = 0
    var count = 0
    private var depth = 0
    private var innermost: UInt32 = 0

    init(_ document: UnsafeRawBufferPointer, base: UnsafeRawPointer, limits: JSONLimits, tape: JSONTape) {
        self.bytes = base
        self.end = document.count
        self.limits = limits
        self.tape = tape
    }

    mutating func scanDocument() throws(JSONFault) {
        guard end < Int(UInt32.max) else { throw JSONFault(.tooManyValues, at: 0) }
        if end >= 3, byte(0) == 0xEF, byte(1) == 0xBB, byte(2) == 0xBF { throw JSONFault(.byteOrderMark, at: 0) }
        skipWhiteSpace()
        try scanValueStart()
        while depth > 0 { try scanAfterValue() }
        skipWhiteSpace()
        if position < end { throw JSONFault(.trailingBytes, at: position) }
    }

    @inline(__always)
    func byte(_ offset: Int) -> UInt8 { bytes.load(fromByteOffset: offset, as: UInt8.self) }

    /// The fault for a byte that does not belong where `position` stands.
    func unexpected() -> JSONFault { JSONFault(position < end ? .unexpectedByte : .unexpectedEnd, at: position) }

    /// Scans a whole scalar or empty container, or enters a container as far as its first scalar value or the start of one inside it.
    @inline(__always)
    private mutating func scanValueStart() throws(JSONFault) {
        while true {
            guard position < end else { throw unexpected() }
            switch byte(position) {
            case JSONText.quote: return try scanString(.string)
            case UInt8(ascii: "{"):
                try open(.object)
                if closesAtOnce(UInt8(ascii: "}")) { return }
                try scanKeyAndColon()
            case UInt8(ascii: "["):
                try open(.array)
                if closesAtOnce(UInt8(ascii: "]")) { return }
            case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try scanNumber()
            case UInt8(ascii: "t"): return try scanLiteral("true", .boolean, .isTrue)
            case UInt8(ascii: "f"): return try scanLiteral("false", .boolean, [])
            case UInt8(ascii: "n"): return try scanLiteral("null", .null, [])
            default: throw unexpected()
            }
        }
    }

    /// Inside a container, after one of its values: closes it, or goes on to its next value.
    @inline(__always)
    private mutating func scanAfterValue() throws(JSONFault) {
        skipWhiteSpace()
        guard position < end else { throw unexpected() }
        let isObject = tape.nodes[Int(innermost)].kind == .object
        switch byte(position) {
        case UInt8(ascii: ","):
            position &+= 1
            skipWhiteSpace()
            if isObject { try scanKeyAndColon() }
            try scanValueStart()
        case UInt8(ascii: "}"):
            guard isObject else { throw unexpected() }
            close()
        case UInt8(ascii: "]"):
            guard !isObject else { throw unexpected() }
            close()
        default: throw unexpected()
        }
    }

    @inline(__always)
    private mutating func scanKeyAndColon() throws(JSONFault) {
        guard position < end, byte(position) == JSONText.quote else { throw unexpected() }
        try scanString(.key)
        skipWhiteSpace()
        guard position < end, byte(position) == UInt8(ascii: ":") else { throw unexpected() }
        position &+= 1
        skipWhiteSpace()
    }

    // MARK: Containers

    @inline(__always)
    private mutating func open(_ kind: JSONKind) throws(JSONFault) {
        guard depth < limits.maxDepth else { throw JSONFault(.depthExceeded, at: position) }
        let node = count
        try append(kind, from: position, to: position, [])
        tape.nodes[node].next = innermost
        innermost = UInt32(truncatingIfNeeded: node)
        depth &+= 1
        position &+= 1
    }

    @inline(__always)
    private mutating func closesAtOnce(_ closing: UInt8) -> Bool {
        skipWhiteSpace()
        guard position < end, byte(position) == closing else { return false }
        close()
        return true
    }

    @inline(__always)
    private mutating func close() {
        position &+= 1
        let node = Int(innermost)
        innermost = tape.nodes[node].next
        tape.nodes[node].next = UInt32(truncatingIfNeeded: count)
        tape.nodes[node].end = UInt32(truncatingIfNeeded: position)
        depth &-= 1
    }

    @inline(__always)
    mutating func append(_ kind: JSONKind, from start: Int, to end: Int, _ flags: JSONNode.Flags) throws(JSONFault) {
        if count == tape.capacity { try makeRoom(at: start) }
        (tape.nodes + count).initialize(
            to: JSONNode(
                start: UInt32(truncatingIfNeeded: start), end: UInt32(truncatingIfNeeded: end), next: UInt32(truncatingIfNeeded: count &+ 1),
                kind: kind, flags: flags))
        count &+= 1
    }

    @inline(never)
    private mutating func makeRoom(at offset: Int) throws(JSONFault) {
        guard tape.grow(used: count, limit: limits.maxNodes) else { throw JSONFault(.tooManyValues, at: offset) }
    }

    // MARK: White space and literals

    @inline(__always)
    private mutating func skipWhiteSpace() {
        guard position < end, byte(position) <= 0x20 else { return }
        skipWhiteSpaceRun()
    }

    private mutating func skipWhiteSpaceRun() {
        while position < end {
            switch byte(position) {
            case 0x20, 0x0A, 0x0D, 0x09: position &+= 1
            default: return
            }
            while end &- position >= 8, bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self) == 0x2020_2020_2020_2020 {
                position &+= 8
            }
        }
    }

    @inline(__always)
    private mutating func scanLiteral(_ literal: StaticString, _ kind: JSONKind, _ flags: JSONNode.Flags) throws(JSONFault) {
        let start = position
        for offset in 0..<literal.utf8CodeUnitCount {
            guard position < end, byte(position) == literal.utf8Start[offset] else { throw unexpected() }
            position &+= 1
        }
        try append(kind, from: start, to: position, flags)
    }
}
