import NIOCore

/// Cuts a delta into pieces that fit a frame. Text is cut between characters; id and name go with the first piece.
package struct DeltaSplitter {
    /// More than the tags, lengths and numbers of a DELTA can take.
    private static let fieldOverhead = 80

    private var rest: Delta?
    private let maxPayload: Int
    /// The fields beside `data` alone are too long.
    private(set) var isStuck = false

    /// - Parameter maxPayload: of one piece, encoded, in bytes.
    package init(_ delta: Delta, maxPayload: Int) {
        rest = delta
        rest?.padding = ByteBuffer()
        self.maxPayload = maxPayload
    }

    package mutating func next() -> Delta? {
        guard var piece = rest else { return nil }
        rest = nil
        let room = maxPayload - Self.fieldOverhead - piece.id.count - piece.name.count
        guard piece.data.readableBytes > room else { return piece }
        guard room >= 4 else {
            isStuck = true
            return nil
        }
        let length = piece.kind == .providerBlock ? room : piece.data.utf8Boundary(atMost: room)
        var following = piece
        piece.data = following.data.readSlice(length: length) ?? ByteBuffer()
        following.id = Text()
        following.name = Text()
        rest = following
        return piece
    }
}

extension Delta {
    private static let leastPadded = 64

    /// Adds zeros so that the encoded length becomes a power of two, 64 at least; or the longest payload there may be.
    mutating func pad(maxPayload: Int) {
        let length = encodedLength
        var target = Self.leastPadded
        while target < length || (target > length && Self.padding(filling: target - length) == nil) { target *= 2 }
        guard let count = Self.padding(filling: min(target, maxPayload) - length), count > 0 else { return }
        padding = ByteBuffer(repeating: 0, count: count)
    }

    /// How many zeros the padding field needs so that it takes `gap` bytes with its tag and length; `nil` if it cannot.
    private static func padding(filling gap: Int) -> Int? {
        if gap == 0 { return 0 }
        // One byte of tag, one to four of length.
        for lengthBytes in 1...4 {
            let count = gap - 1 - lengthBytes
            if count > 0, Varint(UInt64(count)).byteCount == lengthBytes { return count }
        }
        return nil
    }
}
