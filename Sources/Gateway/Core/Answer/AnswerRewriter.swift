import NIOCore
package import Scrubbing

/// Takes an answer to its caller, chunk by chunk: first scrubs it as the policy says, then puts the values back where the provider has
/// placeholders. In this order, or the caller's own data would be masked.
///
/// An entity and a placeholder may be cut anywhere, so a few bytes are held back until it is clear what they are; they come with the next chunk of
/// their item, or in a chunk of their own before the item's end.
///
/// Bound: ``maxItems`` texts and tool calls of one answer, each with a scrubber of some 40 KiB; more is ``FaultKind/upstreamBadAnswer``.
package struct AnswerRewriter {
    /// What is done with one item's text.
    private enum Scrubber {
        case none
        case text(StreamScrubber)
        /// JSON text: a tool call's arguments.
        case arguments(ArgumentScrubber)
    }

    private struct Item {
        var key: AnswerItemKey
        var scrubber: Scrubber
        /// Nil where nothing may be put back.
        var restorer: Restorer?
        /// The item's last chunk: what is still held back at the end is told in its shape.
        var template: AnswerChunk

        var counts: EntityCounts {
            switch scrubber {
            case .none: EntityCounts()
            case .text(let scrubber): scrubber.counts
            case .arguments(let scrubber): scrubber.counts
            }
        }
    }

    static let maxItems = 512
    /// Bytes by which a text rarely becomes longer: room for them is made at once.
    private static let usualGrowth = 128

    private let placeholders: PlaceholderMap
    private let rules: ScrubRules
    /// Where scrubbers come from and go back to.
    private let scrubbers: AnswerScrubbers
    /// Reasoning is signed and goes back to its provider: it is left as it came, placeholders too, unless the policy scrubs answers.
    private let keepsReasoning: Bool
    private let turns: Turns
    private var items: [Item] = []
    private var countsOfEnded = EntityCounts()
    private var scrubbed: [UInt8] = []
    private var output: [UInt8] = []
    private var blocked: [EntityKind] = []
    private var work: Work?

    /// A chunk that is rewritten in slices, and how far that has come.
    private struct Work {
        var chunk: AnswerChunk
        let isWhole: Bool
        var position = 0
        /// Bytes of the present fragment's text that were rewritten; what became of them is in ``output``.
        var offset = 0
        /// The present fragment's item.
        var item: Int?
    }

    /// How the caller's dialect has the items of one choice stand to each other.
    package enum Turns: Sendable {
        /// They go on beside each other until the choice ends.
        case beside
        /// One behind the other: what an item holds back is told before the next begins.
        case behind
        /// The same, but that tool calls go on beside each other.
        case callsBeside
    }

    package init(
        placeholders: PlaceholderMap, rules: ScrubRules, scrubbers: AnswerScrubbers = AnswerScrubbers(), keepsReasoning: Bool = false,
        turns: Turns = .beside
    ) {
        self.turns = turns
        self.scrubbers = scrubbers
        self.placeholders = placeholders
        self.rules = rules
        self.keepsReasoning = keepsReasoning
    }

    /// Nothing is looked for and nothing can be put back: chunks pass as they are.
    private var isIdle: Bool { rules.answerPolicy == nil && placeholders.isEmpty }

    /// Findings in all items so far.
    package var counts: EntityCounts {
        items.reduce(into: countsOfEnded) { $0.add($1.counts) }
    }

    /// Rewrites one chunk of a stream and delivers it, behind whatever ends before it.
    ///
    /// - Throws: ``FaultKind/blockedByPolicy``, ``FaultKind/upstreamBadAnswer``; then nothing more may be delivered.
    package mutating func rewrite(_ chunk: consuming AnswerChunk, deliver: (AnswerChunk) -> Void) throws(Fault) {
        guard !isIdle else { return deliver(chunk) }
        for position in chunk.fragments.indices {
            try endTurns(before: position, in: &chunk, deliver: deliver)
            try rewrite(&chunk, position)
            try endItem(at: position, of: &chunk)
        }
        try finish(&chunk, deliver: deliver)
    }

    /// Ends the items behind which a chunk's fragment begins another one of their choice: what they held back comes before it. One that is taken up again is
    /// another text.
    private mutating func endTurns(before position: Int, in chunk: inout AnswerChunk, deliver: (AnswerChunk) -> Void) throws(Fault) {
        let fragment = chunk.fragments[position]
        guard turns != .beside, fragment.key.kind != .aside, fragment.text.readableBytes > 0 || fragment.name != nil else { return }
        while let index = items.firstIndex(where: { endsBefore(fragment.key, $0.key) }) {
            let key = items[index].key
            if let last = chunk.fragments[..<position].lastIndex(where: { $0.key == key && $0.rawRange != nil }) {
                try append(tailOf: index, to: &chunk.fragments[last])
            } else {
                try deliverTail(of: index, deliver: deliver)
            }
            remove(index)
        }
    }

    /// Ends an item that a fragment is the last one of, so that ever more of such do not take the memory.
    private mutating func endItem(at position: Int, of chunk: inout AnswerChunk) throws(Fault) {
        guard chunk.fragments[position].endsItem else { return }
        let key = chunk.fragments[position].key
        guard let index = items.firstIndex(where: { $0.key == key }) else { return }
        try append(tailOf: index, to: &chunk.fragments[position])
        remove(index)
    }

    private mutating func remove(_ index: Int) {
        countsOfEnded.add(items[index].counts)
        giveBack(items.remove(at: index).scrubber)
    }

    /// Gives its memory back when nothing more comes. Its counts stay.
    package mutating func close() {
        countsOfEnded = counts
        for item in items { giveBack(item.scrubber) }
        items.removeAll()
    }

    private func giveBack(_ scrubber: Scrubber) {
        switch scrubber {
        case .none: break
        case .text(let text): scrubbers.giveBack(text, of: rules)
        case .arguments(let arguments): scrubbers.giveBack(arguments.text, of: rules)
        }
    }

    private func endsBefore(_ next: AnswerItemKey, _ key: AnswerItemKey) -> Bool {
        guard key.choice == next.choice, key != next, key.kind != .aside else { return false }
        return turns == .behind || key.kind != .toolCall || next.kind != .toolCall
    }

    /// Rewrites an answer that came whole.
    package mutating func rewriteWhole(_ chunk: consuming AnswerChunk, deliver: (AnswerChunk) -> Void) throws(Fault) {
        guard !isIdle else { return deliver(chunk) }
        for position in chunk.fragments.indices {
            try rewrite(&chunk, position)
            try appendTail(to: &chunk, position)
            try endItem(at: position, of: &chunk)
        }
        deliver(chunk)
    }

    // MARK: in slices

    /// A chunk that would hold up its event loop: ``begin(_:isWhole:)`` takes it.
    package func isLong(_ chunk: AnswerChunk) -> Bool {
        !isIdle && chunk.fragments.reduce(0) { $0 + $1.text.readableBytes } > ScanProgress.slice
    }

    /// A chunk has been begun that is not delivered yet.
    package var isInChunk: Bool { work != nil }

    /// Takes a chunk that ``rewriteSlice(deliver:)`` rewrites; no other one may come before it is delivered.
    package mutating func begin(_ chunk: AnswerChunk, isWhole: Bool) {
        work = Work(chunk: chunk, isWhole: isWhole)
    }

    /// Rewrites about ``ScanProgress/slice`` bytes more of the chunk that was begun; true when it is delivered. The result is that of
    /// ``rewrite(_:deliver:)`` or ``rewriteWhole(_:deliver:)``.
    package mutating func rewriteSlice(deliver: (AnswerChunk) -> Void) throws(Fault) -> Bool {
        guard var work else { return true }
        self.work = nil
        var rest = ScanProgress.slice
        while work.position < work.chunk.fragments.count {
            guard rest > 0 else {
                self.work = work
                return false
            }
            if work.offset == 0, !work.isWhole { try endTurns(before: work.position, in: &work.chunk, deliver: deliver) }
            rest -= try rewrite(&work, most: rest)
        }
        if work.isWhole { deliver(work.chunk) } else { try finish(&work.chunk, deliver: deliver) }
        return true
    }

    /// Rewrites up to `most` bytes of the present fragment, and goes to the next at its end. Returns how many it were.
    private mutating func rewrite(_ work: inout Work, most: Int) throws(Fault) -> Int {
        if work.offset == 0 {
            output.removeAll(keepingCapacity: true)
            work.item = try item(for: work.chunk.fragments[work.position])
            if let item = work.item { items[item].template = work.chunk }
        }
        let text = work.chunk.fragments[work.position].text
        let end = min(text.readableBytes, work.offset + most)
        let count = end - work.offset
        if let item = work.item, count > 0 {
            text.withUnsafeReadableBytes { process(item, UnsafeRawBufferPointer(rebasing: $0[work.offset..<end]), isLast: false) }
            try refuseBlocked()
        }
        work.offset = end
        guard end == text.readableBytes else { return count }
        if work.item != nil { putOutput(into: &work.chunk, work.position) }
        if work.isWhole { try appendTail(to: &work.chunk, work.position) }
        try endItem(at: work.position, of: &work.chunk)
        (work.position, work.offset) = (work.position + 1, 0)
        return count
    }

    // MARK: the end of a chunk

    private mutating func finish(_ chunk: inout AnswerChunk, deliver: (AnswerChunk) -> Void) throws(Fault) {
        if let block = chunk.endedBlock { try flush(into: &chunk, deliver: deliver) { $0.index == block } }
        for finish in chunk.finishes { try flush(into: &chunk, deliver: deliver) { $0.choice == finish.choice } }
        deliver(chunk)
    }

    /// Ends the text of a whole answer's item behind its last fragment.
    private mutating func appendTail(to chunk: inout AnswerChunk, _ position: Int) throws(Fault) {
        let key = chunk.fragments[position].key
        guard !chunk.fragments[(position + 1)...].contains(where: { $0.key == key }) else { return }
        if let index = items.firstIndex(where: { $0.key == key }) { try append(tailOf: index, to: &chunk.fragments[position]) }
    }

    /// Delivers what is still held back when a stream is over.
    package mutating func finish(deliver: (AnswerChunk) -> Void) throws(Fault) {
        for index in items.indices { try deliverTail(of: index, deliver: deliver) }
    }

    private mutating func rewrite(_ chunk: inout AnswerChunk, _ position: Int) throws(Fault) {
        guard let index = try item(for: chunk.fragments[position]) else { return }
        // Last, so that the chunk's fragments have one owner while they are rewritten.
        defer { items[index].template = chunk }
        let count = chunk.fragments[position].text.readableBytes
        guard count > 0 else { return }
        output.removeAll(keepingCapacity: true)
        output.reserveCapacity(count + Self.usualGrowth)
        chunk.fragments[position].text.withUnsafeReadableBytes { bytes in process(index, bytes, isLast: false) }
        try refuseBlocked()
        putOutput(into: &chunk, position)
    }

    /// Puts what became of a fragment's text in its place.
    private func putOutput(into chunk: inout AnswerChunk, _ position: Int) {
        guard !chunk.fragments[position].text.readableBytesView.elementsEqual(output) else { return }
        chunk.fragments[position].text = ByteBuffer(bytes: output)
        chunk.fragments[position].isRewritten = true
    }

    /// The item that a fragment belongs to; nil for one that has no place for text.
    private mutating func item(for fragment: AnswerFragment) throws(Fault) -> Int? {
        if let index = items.firstIndex(where: { $0.key == fragment.key }) { return index }
        guard fragment.rawRange != nil || fragment.name != nil else { return nil }
        // A block that is passed on stands in what the provider sent already.
        guard fragment.key.kind != .block || (rules.answerPolicy != nil && !keepsReasoning && !fragment.isSealed) else { return nil }
        guard items.count < Self.maxItems else {
            throw Fault(
                .upstreamBadAnswer, origin: .upstream,
                message: "The provider sent an answer that cannot be used: it has more than \(Self.maxItems) texts and tool calls.")
        }
        let isToolCall = fragment.key.kind == .toolCall
        let isJSON = isToolCall || fragment.key.kind == .block
        var scrubber = Scrubber.none
        if let policy = rules.answerPolicy {
            let text = scrubbers.take(rules, policy)
            scrubber = isJSON ? .arguments(ArgumentScrubber(text)) : .text(text)
        }
        var restorer: Restorer?
        let isKept = fragment.key.kind == .block || (keepsReasoning && fragment.key.kind == .reasoning)
        if !placeholders.isEmpty, !isKept, !isToolCall || rules.toolsWithRestoredArguments.contains(fragment.name ?? "") {
            restorer = Restorer(map: placeholders, scope: isToolCall ? .jsonText : .prose)
        }
        items.append(Item(key: fragment.key, scrubber: scrubber, restorer: restorer, template: AnswerChunk(raw: ByteBuffer())))
        return items.count - 1
    }

    /// Scrubs and restores `bytes`, and with `isLast` what was held back, into ``output``.
    private mutating func process(_ index: Int, _ bytes: UnsafeRawBufferPointer, isLast: Bool) {
        scrubbed.removeAll(keepingCapacity: true)
        scrubbed.reserveCapacity(bytes.count + Self.usualGrowth)
        var outcome = StreamOutcome.passed
        switch items[index].scrubber {
        case .none: scrubbed.append(contentsOf: bytes)
        case .text(var scrubber):
            items[index].scrubber = .none
            outcome = scrubber.feed(bytes, into: &scrubbed)
            if isLast, outcome == .passed { outcome = scrubber.finish(into: &scrubbed) }
            items[index].scrubber = .text(scrubber)
        case .arguments(var scrubber):
            items[index].scrubber = .none
            outcome = scrubber.feed(bytes, into: &scrubbed)
            if isLast, outcome == .passed { outcome = scrubber.finish(into: &scrubbed) }
            items[index].scrubber = .arguments(scrubber)
        }
        if case .blocked(let kinds) = outcome { blocked = kinds }
        guard items[index].restorer != nil else {
            output.append(contentsOf: scrubbed)
            return
        }
        scrubbed.withUnsafeBytes { items[index].restorer?.restore($0, into: &output) }
        if isLast { items[index].restorer?.finish(into: &output) }
    }

    private func refuseBlocked() throws(Fault) {
        guard !blocked.isEmpty else { return }
        let names = blocked.map { rules.policy.name(of: $0) }.joined(separator: ", ")
        throw Fault(
            .blockedByPolicy, origin: .upstream,
            message: "The answer holds data of a kind that the policy does not let through: \(names).")
    }

    /// Some items end with `chunk`: what they hold back goes into the chunk's own fragment of the item, or before the chunk.
    private mutating func flush(
        into chunk: inout AnswerChunk, deliver: (AnswerChunk) -> Void, where isEnded: (AnswerItemKey) -> Bool
    ) throws(Fault) {
        for index in items.indices where isEnded(items[index].key) {
            let key = items[index].key
            if let position = chunk.fragments.lastIndex(where: { $0.key == key && $0.rawRange != nil }) {
                try append(tailOf: index, to: &chunk.fragments[position])
            } else {
                try deliverTail(of: index, deliver: deliver)
            }
        }
    }

    /// Ends an item; what it held back is in ``output`` then.
    private mutating func end(_ index: Int) throws(Fault) {
        output.removeAll(keepingCapacity: true)
        process(index, UnsafeRawBufferPointer(start: nil, count: 0), isLast: true)
        try refuseBlocked()
    }

    private mutating func append(tailOf index: Int, to fragment: inout AnswerFragment) throws(Fault) {
        try end(index)
        guard !output.isEmpty else { return }
        fragment.text.writeBytes(output)
        fragment.isRewritten = true
    }

    private mutating func deliverTail(of index: Int, deliver: (AnswerChunk) -> Void) throws(Fault) {
        try end(index)
        guard !output.isEmpty else { return }
        let key = items[index].key
        var chunk = items[index].template
        if chunk.dialect == .anthropic { return deliver(.messagesDelta(key, ByteBuffer(bytes: output))) }
        chunk.finishes = []
        chunk.usage = nil
        // An item may stand in the chunk more than once.
        let place = chunk.fragments.firstIndex { $0.key == key }
        for position in chunk.fragments.indices {
            chunk.fragments[position].text = position == place ? ByteBuffer(bytes: output) : ByteBuffer()
            chunk.fragments[position].callID = nil
            chunk.fragments[position].name = nil
            chunk.fragments[position].isRewritten = true
        }
        deliver(chunk)
    }
}
