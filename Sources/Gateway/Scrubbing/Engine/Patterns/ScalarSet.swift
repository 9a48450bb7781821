/// A set of Unicode scalars as sorted, disjoint, non-adjacent ranges. Surrogates are never in it.
struct ScalarSet: Hashable {
    private(set) var ranges: [ClosedRange<UInt32>] = []

    static let digits = ScalarSet([0x30...0x39])
    static let wordCharacters = ScalarSet([0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])
    /// Tab, line feed, vertical tab, form feed, carriage return, space, and the no-break space that text processors put into numbers.
    static let spaces = ScalarSet([0x09...0x0D, 0x20...0x20, 0xA0...0xA0])
    static let all = ScalarSet([0...0xD7FF, 0xE000...0x10FFFF])

    init(_ ranges: [ClosedRange<UInt32>]) {
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = self.ranges.last, range.lowerBound <= last.upperBound &+ 1 {
                self.ranges[self.ranges.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                self.ranges.append(range)
            }
        }
    }

    init(_ scalar: Unicode.Scalar) {
        ranges = [scalar.value...scalar.value]
    }

    var inverted: ScalarSet {
        var gaps: [ClosedRange<UInt32>] = []
        var next: UInt32 = 0
        for range in ranges {
            if range.lowerBound > next { gaps.append(next...range.lowerBound - 1) }
            next = range.upperBound + 1
        }
        if next <= 0x10FFFF { gaps.append(next...0x10FFFF) }
        return ScalarSet(gaps.flatMap(Self.withoutSurrogates))
    }

    func union(_ other: ScalarSet) -> ScalarSet {
        ScalarSet(ranges + other.ranges)
    }

    func contains(_ scalar: Unicode.Scalar) -> Bool {
        ranges.contains { $0.contains(scalar.value) }
    }

    /// With both cases of every letter up to U+024F (Latin with its accents), and of Greek and Cyrillic up to U+052F.
    var ignoringCase: ScalarSet {
        var added: [ClosedRange<UInt32>] = []
        for range in ranges where range.lowerBound <= 0x052F {
            for value in range.clamped(to: 0...0x052F) {
                guard let properties = Unicode.Scalar(value)?.properties else { continue }
                for mapping in [properties.lowercaseMapping, properties.uppercaseMapping] {
                    let scalars = mapping.unicodeScalars
                    if scalars.count == 1, let scalar = scalars.first, scalar.value <= 0x052F { added.append(scalar.value...scalar.value) }
                }
            }
        }
        return ScalarSet(ranges + added)
    }

    private static func withoutSurrogates(_ range: ClosedRange<UInt32>) -> [ClosedRange<UInt32>] {
        var parts: [ClosedRange<UInt32>] = []
        if range.lowerBound < 0xD800 { parts.append(range.lowerBound...min(range.upperBound, 0xD7FF)) }
        if range.upperBound > 0xDFFF { parts.append(max(range.lowerBound, 0xE000)...range.upperBound) }
        return parts
    }
}

/// UTF-8: byte ranges, one for each byte of an encoded scalar, first byte first.
typealias ByteSequence = [ClosedRange<UInt8>]

extension ScalarSet {
    /// Sequences of byte ranges that together stand for exactly the UTF-8 of the set's scalars (RFC 3629, section 4).
    var byteSequences: [ByteSequence] {
        ranges.flatMap(Self.sequences)
    }

    private static func sequences(_ range: ClosedRange<UInt32>) -> [ByteSequence] {
        for limit: UInt32 in [0x7F, 0x7FF, 0xFFFF] where range.lowerBound <= limit && range.upperBound > limit {
            return sequences(range.lowerBound...limit) + sequences(limit + 1...range.upperBound)
        }
        // Cut where all that follows a byte runs over its whole range.
        for tail: UInt32 in [6, 12, 18] {
            let low: UInt32 = (1 << tail) - 1
            guard range.upperBound > 0x7F, range.lowerBound >> tail != range.upperBound >> tail else { break }
            if range.lowerBound & low != 0 {
                return sequences(range.lowerBound...(range.lowerBound | low)) + sequences((range.lowerBound | low) + 1...range.upperBound)
            }
            if range.upperBound & low != low {
                return sequences(range.lowerBound...(range.upperBound & ~low) - 1) + sequences(range.upperBound & ~low...range.upperBound)
            }
        }
        return [zip(encode(range.lowerBound), encode(range.upperBound)).map { $0...$1 }]
    }

    private static func encode(_ value: UInt32) -> [UInt8] {
        Unicode.Scalar(value).map { Array(String($0).utf8) } ?? []
    }
}
