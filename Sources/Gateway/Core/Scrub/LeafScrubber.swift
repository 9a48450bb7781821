import GatewayJSON
import Scrubbing

/// Scrubs the leaves of one body after another: decoded text in, changes to the body out. Keeps its memory.
final class LeafScrubber {
    private var splicer = JSONSplicer()
    private var decoded: [UInt8] = []
    private var output: [UInt8] = []
    private var nested = NestedText()
    /// Media that was not scanned, in the present body.
    private(set) var skippedMedia = 0

    func begin(_ splicer: JSONSplicer) {
        self.splicer = splicer
        skippedMedia = 0
    }

    func takeSplicer() -> JSONSplicer {
        let taken = splicer
        splicer = JSONSplicer()
        return taken
    }

    /// Looks at a key, which is never changed.
    func inspect(key: JSONValue, with scrubber: inout RequestScrubber) throws(Fault) {
        let blocked = key.withDecodedString(scratch: &decoded) { scrubber.inspect(key: $0) } ?? []
        guard blocked.isEmpty else { throw .blocked(blocked, by: scrubber, path: key.path) }
    }

    /// Scrubs a string or a number.
    func scrub(_ leaf: JSONValue, with scrubber: inout RequestScrubber) throws(Fault) {
        guard leaf.isString else { return try scrub(number: leaf, with: &scrubber) }
        output.removeAll(keepingCapacity: true)
        // Out of `self`, which the closure changes.
        var decoded = self.decoded
        self.decoded = []
        defer { self.decoded = decoded }
        let outcome = leaf.withDecodedString(scratch: &decoded) { text -> ScrubOutcome in
            if let outcome = self.nested.scrub(text, with: &scrubber, into: &self.output) { return outcome }
            return EncodedText.scrub(text, with: &scrubber, into: &self.output) ?? scrubber.scrub(text, into: &self.output)
        }
        try replace(leaf, outcome ?? .unchanged, by: output, scrubber)
    }

    /// Scrubs media if it is text; counts it if it is not.
    func scrub(media leaf: JSONValue, with scrubber: inout RequestScrubber) throws(Fault) {
        var output = self.output
        self.output = []
        defer { self.output = output }
        output.removeAll(keepingCapacity: true)
        let outcome = leaf.withDecodedString(scratch: &decoded) { EncodedText.scrub(media: $0, with: &scrubber, into: &output) } ?? nil
        guard let outcome else {
            skippedMedia += 1
            return
        }
        try replace(leaf, outcome, by: output, scrubber)
    }

    /// A number is scanned as it is written; one with a fraction or an exponent that is a whole number, as that.
    private func scrub(number leaf: JSONValue, with scrubber: inout RequestScrubber) throws(Fault) {
        output.removeAll(keepingCapacity: true)
        var outcome = ScrubOutcome.unchanged
        if leaf.int == nil, let value = leaf.double, value.rounded() == value, abs(value) < 1e19 {
            let digits = Array(String(UInt64(abs(value))).utf8)
            outcome = digits.withUnsafeBytes { scrubber.scrub($0, into: &output) }
        }
        if outcome == .unchanged { outcome = scrubber.scrub(leaf.rawBytes, into: &output) }
        try replace(leaf, outcome, by: output, scrubber)
    }

    private func replace(
        _ leaf: JSONValue, _ outcome: ScrubOutcome, by output: [UInt8], _ scrubber: borrowing RequestScrubber
    ) throws(Fault) {
        switch outcome {
        case .unchanged: return
        case .changed: output.withUnsafeBytes { splicer.replace(leaf.range, withString: $0) }
        case .blocked(let kinds): throw .blocked(kinds, by: scrubber, path: leaf.path)
        }
    }
}

/// Strings that are JSON texts themselves, as a tool call's arguments are: escapes in them could hide what is looked for. Each string in it
/// that has escapes is scrubbed on its own, decoded; all that stands between, as it is written. One level deep.
struct NestedText: ~Copyable {
    private var index = JSONIndex()
    private var decoded: [UInt8] = []
    private var replaced: [UInt8] = []

    /// - Returns: nil when the text is no JSON, or when nothing is hidden in it.
    mutating func scrub(_ text: UnsafeRawBufferPointer, with scrubber: inout RequestScrubber, into output: inout [UInt8]) -> ScrubOutcome? {
        guard let first = text.first(where: { $0 > 0x20 }),
            first == UInt8(ascii: "{") || first == UInt8(ascii: "[") || first == UInt8(ascii: "\""),
            text.contains(UInt8(ascii: "\\")), (try? index.scan(text)) != nil
        else { return nil }
        var written = 0
        var isChanged = false
        let start = output.count
        for leaf in index.root(of: text).leaves where leaf.hasEscapes {
            replaced.removeAll(keepingCapacity: true)
            if leaf.kind == .key {
                let blocked = leaf.withDecodedString(scratch: &decoded) { scrubber.inspect(key: $0) } ?? []
                guard blocked.isEmpty else { return .blocked(blocked) }
                continue
            }
            let between = UnsafeRawBufferPointer(rebasing: text[written..<leaf.range.lowerBound])
            switch scrubber.scrub(between, into: &output) {
            case .blocked(let kinds): return .blocked(kinds)
            case .unchanged: output.append(contentsOf: between)
            case .changed: isChanged = true
            }
            switch leaf.withDecodedString(scratch: &decoded, { scrubber.scrub($0, into: &replaced) }) ?? .unchanged {
            case .blocked(let kinds): return .blocked(kinds)
            case .unchanged: output.append(contentsOf: leaf.rawBytes)
            case .changed:
                isChanged = true
                JSONEscape.append(string: replaced, to: &output)
            }
            written = leaf.range.upperBound
        }
        guard written > 0 else { return nil }
        let rest = UnsafeRawBufferPointer(rebasing: text[written...])
        switch scrubber.scrub(rest, into: &output) {
        case .blocked(let kinds): return .blocked(kinds)
        case .unchanged: output.append(contentsOf: rest)
        case .changed: isChanged = true
        }
        guard isChanged else {
            output.removeLast(output.count - start)
            return .unchanged
        }
        return .changed
    }
}

extension Fault {
    /// - Parameter path: the field in which it stands.
    static func blocked(_ kinds: [EntityKind], by scrubber: borrowing RequestScrubber, path: String) -> Fault {
        let names = kinds.map { scrubber.name(of: $0) }.joined(separator: ", ")
        return Fault(
            .blockedByPolicy, origin: .downstream,
            message: "The request holds data of a kind that the policy does not let through: \(names).", parameter: path)
    }
}
