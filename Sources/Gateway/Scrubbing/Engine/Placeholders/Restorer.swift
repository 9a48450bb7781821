/// Where values may be put back.
public enum RestoreScope: Sendable {
    /// Wherever a placeholder stands: for text that stays with us, such as the arguments of a tool that the policy trusts.
    case everywhere
    /// As `everywhere`, in text that is JSON: values are escaped as a JSON string is, so that a quotation mark in a value ends no string.
    case jsonText
    /// In prose only: not in code, links, URLs or HTML tags, from where a rendered answer could carry a value to somebody else. This is
    /// for answers.
    case prose
}

/// Puts values back where their placeholders stand in an answer. Exact on any chunking: it holds back only what may still become a
/// placeholder, at most ``Placeholder/longest`` bytes.
public struct Restorer: Sendable {
    private let map: PlaceholderMap
    private let scope: RestoreScope
    private var guardState = RestoreGuard()
    /// Bytes that are held back, then the chunk.
    private var pending: [UInt8] = []
    /// Memory that takes turns with it.
    private var spare: [UInt8] = []
    /// The last two bytes that were passed on.
    private var previous: (UInt8, UInt8) = (0, 0)

    /// A restorer of one text, or of one item of an answer, with the values of `map`.
    public init(map: PlaceholderMap, scope: RestoreScope = .prose) {
        self.map = map
        self.scope = scope
    }

    /// Appends the restored text to `output`.
    public mutating func restore(_ chunk: UnsafeRawBufferPointer, into output: inout [UInt8]) {
        if map.isEmpty {
            output.append(contentsOf: chunk)
            return
        }
        pending.append(contentsOf: chunk)
        process(isFinal: false, into: &output)
    }

    /// Ends the text: appends what was held back. The restorer is then ready for another text.
    public mutating func finish(into output: inout [UInt8]) {
        process(isFinal: true, into: &output)
        guardState = RestoreGuard()
        previous = (0, 0)
    }

    private mutating func process(isFinal: Bool, into output: inout [UInt8]) {
        var index = 0
        let bytes = pending
        pending = spare
        spare = []
        pending.removeAll(keepingCapacity: true)
        bytes.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            var text = Text(base, count: buffer.count)
            while index < text.count {
                switch Placeholder.match(&text, at: index, previous: previous, isFinal: isFinal, map: map) {
                case .none:
                    pass(base[index], into: &output)
                    index += 1
                case .partial:
                    return
                case .found(let series, let number, let length):
                    if scope != .prose || guardState.allowsValues {
                        putBack(series: series, number: number, into: &output)
                        previous = (0, UInt8(ascii: ">"))
                    } else {
                        for byte in UnsafeBufferPointer(rebasing: buffer[index..<index + length]) { pass(byte, into: &output) }
                    }
                    index += length
                }
            }
        }
        pending.append(contentsOf: bytes[index...])
        spare = bytes
    }

    private mutating func pass(_ byte: UInt8, into output: inout [UInt8]) {
        output.append(byte)
        previous = (previous.1, byte)
        if scope == .prose { guardState.advance(byte) }
    }

    private mutating func putBack(series: Int, number: Int, into output: inout [UInt8]) {
        let start = output.count
        let escapes = scope == .jsonText
        _ = map.withValue(series: series, number: number) { value in
            if escapes { JSONEscape.append(content: value, to: &output) } else { output.append(contentsOf: value) }
        }
        // A value may itself open a URL that the model then goes on writing.
        if scope == .prose { for index in start..<output.count { guardState.advance(output[index]) } }
    }
}
