/// One pass over a document: checks RFC 8259's grammar and writes a node per value and key.
///
/// Containers need no stack: the node of each open one remembers the one around it in `next`, until its end is known.
/// Each step takes the position it starts at and returns the one after what it has read, or `failed`. Measured against a position in the struct
/// and typed throws: half the instructions.
struct JSONScanner {
    let bytes: UnsafeRawPointer
    let end: Int
    let limits: JSONLimits
    private(set) var tape: JSONTape
    private(set) var count = 0
    /// How many nodes fit the tape as it is, and the limit.
    private var room: Int
    private var depth = 0
    private var innermost: UInt32 = 0
    private var fault: JSONFault?

    static let failed = -1

    init(_ document: UnsafeRawBufferPointer, base: UnsafeRawPointer, limits: JSONLimits, tape: JSONTape) {
        self.bytes = base
        self.end = document.count
        self.limits = limits
        self.tape = tape
        self.room = min(tape.capacity, limits.maxNodes)
    }

    mutating func scanDocument() throws(JSONFault) {
        guard end < Int(UInt32.max) else { throw JSONFault(.tooManyValues, at: 0) }
        if end >= 3, byte(0) == 0xEF, byte(1) == 0xBB, byte(2) == 0xBF { throw JSONFault(.byteOrderMark, at: 0) }
        var position = scanValues(from: skipWhiteSpace(0))
        if position >= 0 {
            position = skipWhiteSpace(position)
            if position < end { throw JSONFault(.trailingBytes, at: position) }
        }
        if let fault { throw fault }
    }

    @inline(__always)
    func byte(_ offset: Int) -> UInt8 { bytes.load(fromByteOffset: offset, as: UInt8.self) }

    /// Ends the scan: what every step returns that finds a fault.
    @inline(never)
    mutating func fail(_ reason: JSONFault.Reason, at position: Int) -> Int {
        fault = JSONFault(reason, at: position)
        return Self.failed
    }

    /// Ends the scan because of a byte that does not belong at `position`, or because there is none.
    @inline(never)
    mutating func unexpected(_ position: Int) -> Int { fail(position < end ? .unexpectedByte : .unexpectedEnd, at: position) }

    /// Scans one value and everything inside it: starts a value, then goes on after it until no container is open.
    private mutating func scanValues(from start: Int) -> Int {
        var position = start
        while true {
            guard position < end else { return unexpected(position) }
            switch byte(position) {
            case JSONText.quote: position = scanString(position, .string)
            case UInt8(ascii: "{"):
                position = open(.object, at: position)
                guard position >= 0 else { return position }
                if position < end, byte(position) == UInt8(ascii: "}") {
                    position = close(position)
                } else {
                    position = scanKeyAndColon(position)
                    guard position >= 0 else { return position }
                    continue
                }
            case UInt8(ascii: "["):
                position = open(.array, at: position)
                guard position >= 0 else { return position }
                guard position < end, byte(position) == UInt8(ascii: "]") else { continue }
                position = close(position)
            case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): position = scanNumber(position)
            case UInt8(ascii: "t"): position = scanLiteral(position, "true", .boolean, .isTrue)
            case UInt8(ascii: "f"): position = scanLiteral(position, "false", .boolean, [])
            case UInt8(ascii: "n"): position = scanLiteral(position, "null", .null, [])
            default: return unexpected(position)
            }
            guard position >= 0 else { return position }
            position = closeEnded(position)
            guard position >= 0, depth > 0 else { return position }
            // `closeEnded` stopped at a comma.
            position = skipWhiteSpace(position &+ 1)
            if isInObject {
                position = scanKeyAndColon(position)
                guard position >= 0 else { return position }
            }
        }
    }

    private var isInObject: Bool {
        @inline(__always) get { tape.nodes[Int(innermost)].kind == .object }
    }

    /// After a value: closes the containers that end here, and stops at the comma before the next value, or where no container is open.
    @inline(__always)
    private mutating func closeEnded(_ start: Int) -> Int {
        var position = start
        while depth > 0 {
            position = skipWhiteSpace(position)
            guard position < end else { return unexpected(position) }
            let found = byte(position)
            if found == UInt8(ascii: ",") { return position }
            guard found == (isInObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else { return unexpected(position) }
            position = close(position)
        }
        return position
    }

    private mutating func scanKeyAndColon(_ start: Int) -> Int {
        guard start < end, byte(start) == JSONText.quote else { return unexpected(start) }
        var position = scanString(start, .key)
        guard position >= 0 else { return position }
        position = skipWhiteSpace(position)
        guard position < end, byte(position) == UInt8(ascii: ":") else { return unexpected(position) }
        return skipWhiteSpace(position &+ 1)
    }

    // MARK: Nodes

    /// Enters a container, up to what is in it.
    @inline(__always)
    private mutating func open(_ kind: JSONKind, at position: Int) -> Int {
        guard depth < limits.maxDepth else { return fail(.depthExceeded, at: position) }
        let node = count
        guard append(kind, from: position, to: position &+ 1, []) >= 0 else { return Self.failed }
        tape.nodes[node].next = innermost
        innermost = UInt32(truncatingIfNeeded: node)
        depth &+= 1
        return skipWhiteSpace(position &+ 1)
    }

    @inline(__always)
    private mutating func close(_ position: Int) -> Int {
        let node = Int(innermost)
        innermost = tape.nodes[node].next
        tape.nodes[node].next = UInt32(truncatingIfNeeded: count)
        tape.nodes[node].end = UInt32(truncatingIfNeeded: position &+ 1)
        depth &-= 1
        return position &+ 1
    }

    /// Writes a node and returns its end.
    @inline(__always)
    mutating func append(_ kind: JSONKind, from start: Int, to end: Int, _ flags: JSONNode.Flags) -> Int {
        if count == room, !makeRoom() { return fail(.tooManyValues, at: start) }
        (tape.nodes + count).initialize(
            to: JSONNode(
                start: UInt32(truncatingIfNeeded: start), end: UInt32(truncatingIfNeeded: end),
                next: UInt32(truncatingIfNeeded: count &+ 1),
                kind: kind, flags: flags))
        count &+= 1
        return end
    }

    @inline(never)
    private mutating func makeRoom() -> Bool {
        guard tape.grow(used: count, limit: limits.maxNodes) else { return false }
        room = tape.capacity
        return true
    }

    // MARK: White space and literals

    @inline(__always)
    private func skipWhiteSpace(_ start: Int) -> Int {
        guard start < end, byte(start) <= 0x20 else { return start }
        return Self.whiteSpaceEnd(bytes, from: start, to: end)
    }

    /// Static, so that the scanner need not be in memory to call it.
    @inline(never)
    private static func whiteSpaceEnd(_ bytes: UnsafeRawPointer, from start: Int, to end: Int) -> Int {
        var position = start
        while position < end {
            switch bytes.load(fromByteOffset: position, as: UInt8.self) {
            case 0x20, 0x0A, 0x0D, 0x09: position &+= 1
            default: return position
            }
            while end &- position >= 8, bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self) == 0x2020_2020_2020_2020 {
                position &+= 8
            }
        }
        return position
    }

    @inline(__always)
    private mutating func scanLiteral(_ start: Int, _ literal: StaticString, _ kind: JSONKind, _ flags: JSONNode.Flags) -> Int {
        var position = start
        for offset in 0..<literal.utf8CodeUnitCount {
            guard position < end, byte(position) == literal.utf8Start[offset] else { return unexpected(position) }
            position &+= 1
        }
        return append(kind, from: start, to: position, flags)
    }
}
