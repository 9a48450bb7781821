import GatewayJSON
import NIOCore
import Scrubbing

/// One string's text as the parts that are scrubbed on their own, and what puts the results together again.
///
/// Most texts are one part. In strings that are JSON texts themselves, as a tool call's arguments are, escapes could hide what is looked for:
/// each string in it that has escapes is a part, decoded; all that stands between, as it is written, but that a long number in which something is replaced
/// becomes a string. One level deep. Of data URLs and files that hold text, the header is a part, and the content, decoded.
struct TextParts: ~Copyable {
    private enum Form: Equatable {
        case plain
        case nested
        case encoded(EncodedText.Encoding)
    }

    private enum Role: Equatable {
        /// A range of the text itself.
        case written
        /// A string of a nested JSON text, decoded, with where it stands in the text.
        case string(Range<Int>)
        /// A key of a nested JSON text, decoded: looked at, never changed.
        case key
        /// The content of an encoded text, decoded.
        case content
    }

    private struct Part {
        var role: Role
        /// Of the text; of `texts` for what is decoded.
        var range: Range<Int>

        func bytes(of text: UnsafeRawBufferPointer, _ decoded: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
            UnsafeRawBufferPointer(rebasing: (role == .written ? text : decoded)[range])
        }
    }

    private var form = Form.plain
    private var parts: [Part] = []
    private var texts: [UInt8] = []
    /// The long numbers of a nested JSON text.
    private var numbers: [Range<Int>] = []
    private var index = JSONIndex()

    // How far scrubbing has come.
    private var next = 0
    private var nextNumber = 0
    private var progress = ScanProgress()
    private var scrubbed: [UInt8] = []
    private var isChanged = false

    /// What a part costs of a slice besides its bytes.
    private static let partCost = 64

    /// Takes a text apart.
    ///
    /// - Parameter isMedia: the dialect says that this is media, a data URL or bare base64.
    /// - Returns: false for media that is no text, which cannot be scrubbed.
    mutating func prepare(_ text: UnsafeRawBufferPointer, isMedia: Bool) -> Bool {
        (form, next, nextNumber, progress, isChanged) = (.plain, 0, 0, ScanProgress(), false)
        parts.removeAll(keepingCapacity: true)
        texts.removeAll(keepingCapacity: true)
        numbers.removeAll(keepingCapacity: true)
        scrubbed.removeAll(keepingCapacity: true)
        if !isMedia, takeNested(text) { return true }
        guard let encoded = isMedia ? EncodedText(media: text) : EncodedText(text) else { return !isMedia }
        form = .encoded(encoded.encoding)
        texts = encoded.content
        parts.append(Part(role: .written, range: encoded.header))
        parts.append(Part(role: .content, range: texts.indices))
        return true
    }

    private mutating func takeNested(_ text: UnsafeRawBufferPointer) -> Bool {
        guard let first = text.first(where: { $0 > 0x20 }),
            first == UInt8(ascii: "{") || first == UInt8(ascii: "[") || first == UInt8(ascii: "\""),
            Self.mayHide(text), (try? index.scan(text)) != nil
        else { return false }
        var taken = 0
        for leaf in index.root(of: text).leaves where leaf.hasEscapes || leaf.isNumber {
            guard !leaf.isNumber else {
                numbers.append(leaf.range)
                continue
            }
            let start = texts.count
            leaf.decodeString(into: &texts)
            if leaf.kind == .key {
                parts.append(Part(role: .key, range: start..<texts.count))
            } else {
                parts.append(Part(role: .written, range: taken..<leaf.range.lowerBound))
                parts.append(Part(role: .string(leaf.range), range: start..<texts.count))
                taken = leaf.range.upperBound
            }
        }
        guard taken > 0 || !numbers.isEmpty else {
            parts.removeAll(keepingCapacity: true)
            texts.removeAll(keepingCapacity: true)
            return false
        }
        parts.append(Part(role: .written, range: taken..<text.count))
        form = .nested
        return true
    }

    /// Whether there are escapes in a JSON text, or digits enough for a long number.
    private static func mayHide(_ text: UnsafeRawBufferPointer) -> Bool {
        var digits = 0
        for byte in text {
            if byte == UInt8(ascii: "\\") { return true }
            digits = byte &- 0x30 < 10 || byte == UInt8(ascii: ".") ? digits + 1 : 0
            if digits >= 8 { return true }
        }
        return false
    }

    /// The numbers of a part that is written as it stands in the text.
    private mutating func numbers(in part: Part) -> [Range<Int>] {
        guard part.role == .written, !numbers.isEmpty else { return [] }
        // Parts come in order, as the numbers do.
        while nextNumber < numbers.count, numbers[nextNumber].lowerBound < part.range.lowerBound { nextNumber += 1 }
        return numbers[nextNumber...].prefix { $0.upperBound <= part.range.upperBound }.map { number in
            number.lowerBound - part.range.lowerBound..<number.upperBound - part.range.lowerBound
        }
    }

    /// Scrubs the text that was prepared; appends to `output`, which is empty, unless nothing changes.
    mutating func scrub(
        _ text: UnsafeRawBufferPointer, with scrubber: inout RequestScrubber, into output: inout [UInt8]
    ) -> ScrubOutcome {
        if form == .plain { return scrubber.scrub(text, into: &output) }
        let texts = texts
        return texts.withUnsafeBytes { decoded in
            while next < parts.count {
                let part = parts[next]
                let bytes = part.bytes(of: text, decoded)
                scrubber.numbers = numbers(in: part)
                defer { scrubber.numbers = [] }
                let outcome =
                    part.role == .key ? ScrubOutcome(blocked: scrubber.inspect(key: bytes)) : scrubber.scrub(bytes, into: &scrubbed)
                if case .blocked = outcome { return outcome }
                append(part, outcome, text, &output)
            }
            return end(&output)
        }
    }

    /// Does the same in slices of about ``ScanProgress/slice`` bytes: to be called until it is not nil.
    mutating func scrubSlice(
        _ text: UnsafeRawBufferPointer, with scrubber: inout RequestScrubber, into output: inout [UInt8]
    ) -> ScrubOutcome? {
        if form == .plain { return scrubber.scrubSlice(text, &progress, into: &output) }
        let texts = texts
        return texts.withUnsafeBytes { decoded in
            var rest = ScanProgress.slice
            while next < parts.count {
                guard rest > 0 else { return nil }
                let part = parts[next]
                let bytes = part.bytes(of: text, decoded)
                scrubber.numbers = numbers(in: part)
                defer { scrubber.numbers = [] }
                let outcome =
                    part.role == .key
                    ? scrubber.inspectSlice(key: bytes, &progress).map { ScrubOutcome(blocked: $0) }
                    : scrubber.scrubSlice(bytes, &progress, into: &scrubbed)
                guard let outcome else { return nil }
                if case .blocked = outcome { return outcome }
                append(part, outcome, text, &output)
                rest -= part.range.count + Self.partCost
            }
            return end(&output)
        }
    }

    /// Puts out a part, and goes to the next.
    private mutating func append(_ part: Part, _ outcome: ScrubOutcome, _ text: UnsafeRawBufferPointer, _ output: inout [UInt8]) {
        let hasChanged = outcome == .changed
        if hasChanged { isChanged = true }
        switch part.role {
        case .written where hasChanged: output.append(contentsOf: scrubbed)
        case .written: output.append(contentsOf: text[part.range])
        case .string where hasChanged: JSONEscape.append(string: scrubbed, to: &output)
        case .string(let range): output.append(contentsOf: text[range])
        case .key: break
        case .content:
            if isChanged, case .encoded(let encoding) = form { encoding.append(hasChanged ? scrubbed : texts, to: &output) }
        }
        scrubbed.removeAll(keepingCapacity: true)
        next += 1
    }

    private func end(_ output: inout [UInt8]) -> ScrubOutcome {
        if isChanged { return .changed }
        output.removeAll(keepingCapacity: true)
        return .unchanged
    }
}

extension ScrubOutcome {
    /// What a look at a key came to.
    fileprivate init(blocked kinds: [EntityKind]) {
        self = kinds.isEmpty ? .unchanged : .blocked(kinds)
    }
}
