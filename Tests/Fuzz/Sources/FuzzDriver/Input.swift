/// An input from which a test takes its decisions from the front, and its material from the rest.
package struct Input {
    package private(set) var rest: UnsafeRawBufferPointer.SubSequence

    package init(_ bytes: UnsafeRawBufferPointer) {
        rest = bytes[...]
    }

    package var isEmpty: Bool { rest.isEmpty }

    /// The next byte; 0 when there is none left.
    package mutating func byte() -> UInt8 {
        rest.popFirst() ?? 0
    }

    /// The next bytes, fewer at the end.
    package mutating func bytes(_ count: Int) -> UnsafeRawBufferPointer.SubSequence {
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }
}

/// Cuts bytes into pieces whose lengths follow from a seed: mostly short ones, where the boundaries matter.
package struct Chunks: Sequence, IteratorProtocol {
    private var rest: ArraySlice<UInt8>
    private var state: UInt64

    package init(_ bytes: [UInt8], seed: UInt8) {
        rest = bytes[...]
        state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15
    }

    package mutating func next() -> ArraySlice<UInt8>? {
        guard !rest.isEmpty else { return nil }
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let length = state >> 62 == 3 ? 1 + Int(state >> 40 & 0xFF) : 1 + Int(state >> 40 & 7)
        defer { rest = rest.dropFirst(length) }
        return rest.prefix(length)
    }
}
