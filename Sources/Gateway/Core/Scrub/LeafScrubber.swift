import GatewayJSON
import Scrubbing

/// Scrubs the leaves of one body after another: decoded text in, changes to the body out. Keeps its memory.
final class LeafScrubber {
    private var splicer = JSONSplicer()
    private var walk = LeafWalk()
    private var decoded: [UInt8] = []
    private var output: [UInt8] = []
    private var parts = TextParts()
    /// The leaf in the middle of which the last slice ended. If it has escapes, its text is in `decoded`.
    private var unfinished: (place: Int, role: LeafWalk.Role)?
    /// Of an unfinished key.
    private var progress = ScanProgress()
    /// Media that was not scanned, in the present body.
    private(set) var skippedMedia = 0

    /// What a leaf costs of a slice besides its bytes.
    private static let leafCost = 64

    /// Makes ready for another body.
    func begin() {
        walk = LeafWalk()
        unfinished = nil
        skippedMedia = 0
    }

    func take(_ splicer: JSONSplicer) {
        self.splicer = splicer
    }

    func takeSplicer() -> JSONSplicer {
        let taken = splicer
        splicer = JSONSplicer()
        return taken
    }

    /// Scrubs the whole body.
    func scrubAll(in root: JSONValue, with scrubber: inout RequestScrubber) throws(Fault) {
        while let (leaf, role) = walk.next(in: root) { try scrub(leaf, role, with: &scrubber) }
    }

    /// Scrubs about ``ScanProgress/slice`` bytes more; true at the body's end. A longer leaf takes several slices of its own.
    func scrubSlice(in root: JSONValue, with scrubber: inout RequestScrubber) throws(Fault) -> Bool {
        if let unfinished, let leaf = root.value(at: unfinished.place) {
            if try goOn(leaf, unfinished.role, with: &scrubber) { self.unfinished = nil }
            return false
        }
        var rest = ScanProgress.slice
        while rest > 0 {
            guard let (leaf, role) = walk.next(in: root) else { return true }
            guard leaf.rawBytes.count <= ScanProgress.slice else {
                if try begin(leaf, role, with: &scrubber) { unfinished = (leaf.place, role) }
                return false
            }
            try scrub(leaf, role, with: &scrubber)
            rest -= leaf.rawBytes.count + Self.leafCost
        }
        return false
    }

    // MARK: a leaf at once

    private func scrub(_ leaf: JSONValue, _ role: LeafWalk.Role, with scrubber: inout RequestScrubber) throws(Fault) {
        switch role {
        case .key: try refuse(leaf.withDecodedString(scratch: &decoded) { scrubber.inspect(key: $0) } ?? [], leaf, scrubber)
        case .text where !leaf.isString: try scrub(number: leaf, with: &scrubber)
        case .text, .media, .signed:
            scrubber.keepsLiterals = role == .signed
            output.removeAll(keepingCapacity: true)
            let outcome = leaf.withDecodedString(scratch: &decoded) { text -> ScrubOutcome? in
                guard parts.prepare(text, isMedia: role == .media) else { return nil }
                return parts.scrub(text, with: &scrubber, into: &output)
            }
            guard let outcome, let outcome else {
                skippedMedia += 1
                return
            }
            try replace(leaf, outcome, scrubber)
        }
    }

    /// A number is scanned as it is written; one with a fraction or an exponent that is a whole number, as that.
    private func scrub(number leaf: JSONValue, with scrubber: inout RequestScrubber) throws(Fault) {
        guard try !scrubValue(of: leaf, with: &scrubber) else { return }
        try replace(leaf, scrubber.scrub(leaf.rawBytes, into: &output), scrubber)
    }

    /// Scrubs the whole number that one with a fraction or an exponent stands for; false when that leaves something to be done.
    private func scrubValue(of leaf: JSONValue, with scrubber: inout RequestScrubber) throws(Fault) -> Bool {
        output.removeAll(keepingCapacity: true)
        guard leaf.int == nil, let value = leaf.double, value.rounded() == value, abs(value) < 1e19 else { return false }
        let digits = Array(String(UInt64(abs(value))).utf8)
        let outcome = digits.withUnsafeBytes { scrubber.scrub($0, into: &output) }
        try replace(leaf, outcome, scrubber)
        return outcome == .changed
    }

    // MARK: a long leaf, in slices

    /// Makes ready for the slices of a leaf; false when there is nothing to be scrubbed in them.
    private func begin(_ leaf: JSONValue, _ role: LeafWalk.Role, with scrubber: inout RequestScrubber) throws(Fault) -> Bool {
        output.removeAll(keepingCapacity: true)
        progress = ScanProgress()
        if leaf.hasEscapes {
            decoded.removeAll(keepingCapacity: true)
            leaf.decodeString(into: &decoded)
        }
        if leaf.isNumber, try scrubValue(of: leaf, with: &scrubber) { return false }
        guard role != .key else { return true }
        let isText = withText(of: leaf) { parts.prepare($0, isMedia: role == .media) }
        if !isText { skippedMedia += 1 }
        return isText
    }

    /// Scrubs a slice more; true when the leaf is done.
    private func goOn(_ leaf: JSONValue, _ role: LeafWalk.Role, with scrubber: inout RequestScrubber) throws(Fault) -> Bool {
        if role == .key {
            guard let blocked = withText(of: leaf, { scrubber.inspectSlice(key: $0, &progress) }) else { return false }
            try refuse(blocked, leaf, scrubber)
            return true
        }
        scrubber.keepsLiterals = role == .signed
        guard let outcome = withText(of: leaf, { parts.scrubSlice($0, with: &scrubber, into: &output) }) else { return false }
        try replace(leaf, outcome, scrubber)
        return true
    }

    private func withText<Result>(of leaf: JSONValue, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        guard !leaf.hasEscapes else { return decoded.withUnsafeBytes(body) }
        let written = leaf.rawBytes
        return body(leaf.isNumber ? written : UnsafeRawBufferPointer(rebasing: written.dropFirst().dropLast()))
    }

    // MARK: what becomes of it

    private func refuse(_ blocked: [EntityKind], _ leaf: JSONValue, _ scrubber: borrowing RequestScrubber) throws(Fault) {
        guard blocked.isEmpty else { throw .blocked(blocked, by: scrubber, path: leaf.path) }
    }

    private func replace(_ leaf: JSONValue, _ outcome: ScrubOutcome, _ scrubber: borrowing RequestScrubber) throws(Fault) {
        switch outcome {
        case .unchanged: return
        case .changed: output.withUnsafeBytes { splicer.replace(leaf.range, withString: $0) }
        case .blocked(let kinds): throw .blocked(kinds, by: scrubber, path: leaf.path)
        }
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
