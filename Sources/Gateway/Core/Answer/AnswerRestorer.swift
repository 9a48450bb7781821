import NIOCore
package import Scrubbing

/// Puts the values back where an answer has placeholders, chunk by chunk.
///
/// A placeholder may be cut anywhere, so a few bytes are held back until it is clear what they are; they come with the next chunk of their item,
/// or in a chunk of their own before the item's end.
package struct AnswerRestorer {
    private struct Item {
        var key: AnswerItemKey
        var restorer: Restorer
        /// The item's last chunk: what is still held back at the end is told in its shape.
        var template: AnswerChunk
    }

    private let placeholders: PlaceholderMap
    private let toolsWithRestoredArguments: Set<String>
    private var items: [Item] = []
    private var excludedToolCalls: Set<AnswerItemKey> = []
    private var scratch: [UInt8] = []

    /// - Parameter toolsWithRestoredArguments: tools whose arguments get the values; the arguments of all others keep the placeholders.
    package init(placeholders: PlaceholderMap, toolsWithRestoredArguments: Set<String>) {
        self.placeholders = placeholders
        self.toolsWithRestoredArguments = toolsWithRestoredArguments
    }

    /// Restores one chunk of a stream and delivers it, behind whatever ends before it.
    package mutating func restore(_ chunk: consuming AnswerChunk, deliver: (AnswerChunk) -> Void) {
        guard !placeholders.isEmpty else { return deliver(chunk) }
        let template = chunk
        for position in chunk.fragments.indices {
            restore(&chunk.fragments[position], template: template)
        }
        for finish in chunk.finishes { flush(choice: finish.choice, into: &chunk, deliver: deliver) }
        deliver(chunk)
    }

    /// Restores an answer that came whole.
    package mutating func restoreWhole(_ chunk: consuming AnswerChunk, deliver: (AnswerChunk) -> Void) {
        guard !placeholders.isEmpty else { return deliver(chunk) }
        let template = chunk
        for position in chunk.fragments.indices {
            restore(&chunk.fragments[position], template: template)
            let key = chunk.fragments[position].key
            if let index = items.firstIndex(where: { $0.key == key }) { append(tailOf: index, to: &chunk.fragments[position]) }
        }
        deliver(chunk)
    }

    /// Delivers what is still held back when a stream is over.
    package mutating func finish(deliver: (AnswerChunk) -> Void) {
        for index in items.indices { deliverTail(of: index, deliver: deliver) }
        items.removeAll()
    }

    private mutating func restore(_ fragment: inout AnswerFragment, template: AnswerChunk) {
        guard let index = item(for: fragment) else { return }
        items[index].template = template
        guard fragment.text.readableBytes > 0 else { return }
        scratch.removeAll(keepingCapacity: true)
        fragment.text.withUnsafeReadableBytes { items[index].restorer.restore($0, into: &scratch) }
        guard !fragment.text.readableBytesView.elementsEqual(scratch) else { return }
        fragment.text = ByteBuffer(bytes: scratch)
        fragment.isRewritten = true
    }

    /// The item that a fragment belongs to; `nil` where nothing may be restored.
    private mutating func item(for fragment: AnswerFragment) -> Int? {
        if let index = items.firstIndex(where: { $0.key == fragment.key }) { return index }
        guard fragment.rawRange != nil || fragment.name != nil, !excludedToolCalls.contains(fragment.key) else { return nil }
        var restorer = Restorer(map: placeholders)
        if fragment.key.kind == .toolCall {
            guard let name = fragment.name, toolsWithRestoredArguments.contains(name) else {
                excludedToolCalls.insert(fragment.key)
                return nil
            }
            restorer = Restorer(map: placeholders, scope: .jsonText)
        }
        items.append(Item(key: fragment.key, restorer: restorer, template: AnswerChunk(raw: ByteBuffer())))
        return items.count - 1
    }

    /// A choice ends with `chunk`: what its items hold back goes into the chunk's own fragment of the item, or before the chunk.
    private mutating func flush(choice: Int, into chunk: inout AnswerChunk, deliver: (AnswerChunk) -> Void) {
        for index in items.indices where items[index].key.choice == choice {
            let key = items[index].key
            if let position = chunk.fragments.lastIndex(where: { $0.key == key && $0.rawRange != nil }) {
                append(tailOf: index, to: &chunk.fragments[position])
            } else {
                deliverTail(of: index, deliver: deliver)
            }
        }
    }

    private mutating func append(tailOf index: Int, to fragment: inout AnswerFragment) {
        scratch.removeAll(keepingCapacity: true)
        items[index].restorer.finish(into: &scratch)
        guard !scratch.isEmpty else { return }
        fragment.text.writeBytes(scratch)
        fragment.isRewritten = true
    }

    private mutating func deliverTail(of index: Int, deliver: (AnswerChunk) -> Void) {
        scratch.removeAll(keepingCapacity: true)
        items[index].restorer.finish(into: &scratch)
        guard !scratch.isEmpty else { return }
        let key = items[index].key
        var chunk = items[index].template
        chunk.finishes = []
        chunk.usage = nil
        for position in chunk.fragments.indices {
            let isItem = chunk.fragments[position].key == key
            chunk.fragments[position].text = isItem ? ByteBuffer(bytes: scratch) : ByteBuffer()
            chunk.fragments[position].callID = nil
            chunk.fragments[position].name = nil
            chunk.fragments[position].isRewritten = true
        }
        deliver(chunk)
    }
}
