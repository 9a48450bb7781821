import SeededRandomness

@testable import Scrubbing

/// A pattern as a tree that writes itself in the dialect and matches by trying everything: slow, and simple enough to be right.
indirect enum ReferencePattern: Sendable {
    case character(Character)
    case set(text: String, contains: @Sendable (UInt8) -> Bool)
    case sequence([ReferencePattern])
    case choice([ReferencePattern])
    case repeated(ReferencePattern, Int, Int?)
    case boundary(Bool)

    var text: String {
        switch self {
        case .character(let character): "\\.-".contains(character) ? "\\\(character)" : String(character)
        case .set(let text, _): text
        case .sequence(let parts): parts.map(\.text).joined()
        case .choice(let parts): "(?:" + parts.map(\.text).joined(separator: "|") + ")"
        case .repeated(let part, let minimum, let maximum): "(\(part.text))" + Self.quantifier(minimum, maximum)
        case .boundary(let expected): expected ? "\\b" : "\\B"
        }
    }

    private static func quantifier(_ minimum: Int, _ maximum: Int?) -> String {
        switch (minimum, maximum) {
        case (0, nil): "*"
        case (1, nil): "+"
        case (0, 1): "?"
        case (_, nil): "{\(minimum),}"
        case (_, let maximum?): minimum == maximum ? "{\(minimum)}" : "{\(minimum),\(maximum)}"
        }
    }

    /// Where a match that starts at `start` may end, at most `limit`.
    func ends(_ bytes: [UInt8], _ start: Int, limit: Int) -> Set<Int> {
        switch self {
        case .character(let character):
            guard start < limit, bytes[start] == character.utf8.first else { return [] }
            return [start + 1]
        case .set(_, let contains): return start < limit && contains(bytes[start]) ? [start + 1] : []
        case .sequence(let parts):
            return parts.reduce([start]) { ends, part in Set(ends.flatMap { part.ends(bytes, $0, limit: limit) }) }
        case .choice(let parts): return Set(parts.flatMap { $0.ends(bytes, start, limit: limit) })
        case .repeated(let part, let minimum, let maximum):
            var all: Set<Int> = minimum == 0 ? [start] : []
            var ends: Set<Int> = [start]
            var count = 0
            while !ends.isEmpty, count < maximum ?? Int.max {
                count += 1
                ends = Set(ends.flatMap { part.ends(bytes, $0, limit: limit) })
                if count < minimum { continue }
                if ends.isSubset(of: all) { break }
                all.formUnion(ends)
            }
            return all
        case .boundary(let expected):
            let before = start > 0 && bytes[start - 1].isWordByte
            let after = start < bytes.count && bytes[start].isWordByte
            return (before != after) == expected ? [start] : []
        }
    }

    /// Leftmost, longest, not overlapping.
    func matches(in bytes: [UInt8]) -> [Range<Int>] {
        var found: [Range<Int>] = []
        var start = 0
        while start < bytes.count {
            let end = ends(bytes, start, limit: min(bytes.count, start + Limits.customMatch)).max() ?? start
            if end > start { found.append(start..<end) }
            start = max(start + 1, end)
        }
        return found
    }

    static func random(_ generator: inout SeededRandom, depth: Int = 3) -> ReferencePattern {
        func part(_ generator: inout SeededRandom) -> ReferencePattern { random(&generator, depth: depth - 1) }
        switch Int.random(in: 0..<(depth > 0 ? 10 : 4), using: &generator) {
        case 0, 1: return .character("ab-1".randomElement(using: &generator) ?? "a")
        case 2: return sets.randomElement(using: &generator) ?? .character("a")
        case 3: return .boundary(Bool.random(using: &generator))
        case 4, 5, 6: return .sequence((0..<Int.random(in: 2...4, using: &generator)).map { _ in part(&generator) })
        case 7: return .choice((0..<Int.random(in: 2...3, using: &generator)).map { _ in part(&generator) })
        default:
            let minimum = Int.random(in: 0...2, using: &generator)
            let extra = Int.random(in: 1...3, using: &generator)
            return .repeated(part(&generator), minimum, Bool.random(using: &generator) ? nil : minimum + extra)
        }
    }

    private static let sets: [ReferencePattern] = [
        .set(text: "[ab]", contains: { $0 == 0x61 || $0 == 0x62 }),
        .set(text: "[^a ]", contains: { $0 != 0x61 && $0 != 0x20 && $0 < 0x80 }),
        .set(text: "\\d", contains: { $0.isDigit }), .set(text: "\\w", contains: { $0.isWordByte }),
        .set(text: ".", contains: { $0 != 0x0A }),
        .set(text: "\\s", contains: { $0.isSpace }),
        .set(text: "[a-c1-]", contains: { (0x61...0x63).contains($0) || $0 == 0x31 || $0 == 0x2D }),
    ]
}

extension ScrubPolicy {
    /// Looks for nothing but these patterns.
    static func only(_ patterns: [CustomPattern], action: ScrubAction = .redact) throws -> ScrubPolicy {
        var policy = try ScrubPolicy(everyKind: .ignore)
        try policy.setCustomPatterns(
            patterns.map { pattern in
                var pattern = pattern
                pattern.action = action
                return pattern
            })
        return policy
    }
}
