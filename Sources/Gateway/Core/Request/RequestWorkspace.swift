import GatewayJSON
package import NIOCore
package import Scrubbing

/// Reads, scrubs and rewrites request bodies. Its memory serves request after request: keep one per event loop.
///
/// One request is taken through ``read(_:)``, ``scrub(_:with:)`` and ``render(_:upstreamModel:asksForUsage:)`` without another in between; with
/// ``scrubSlice(_:with:)``, the loop may do other things there.
package struct RequestWorkspace: ~Copyable {
    private var index = JSONIndex()
    private var splicer = JSONSplicer()
    private let leafScrubber = LeafScrubber()
    /// Media of the request that was scrubbed last that was not scanned.
    package private(set) var skippedMedia = 0

    package init() {}

    /// Checks the body and reads what the gateway interprets of it.
    ///
    /// - Parameter surface: the dialect of the body.
    package mutating func read(
        _ body: ByteBuffer, as surface: Dialect = .openAI, for operation: RequestOperation = .answer
    ) throws(Fault) -> ChatEnvelope {
        splicer.clear()
        leafScrubber.begin()
        do {
            try index.scan(body)
        } catch {
            throw Fault.malformedJSON(error)
        }
        return try index.read(body) { root throws(Fault) in try ChatEnvelope(reading: root, surface: surface, operation: operation) }
    }

    /// Scrubs every text that would reach the provider, in canonical order: tools, system prompt, messages, the rest. The order keeps numbers stable when turns
    /// are appended to a conversation. Keys of objects are looked at and never changed.
    ///
    /// Not scanned: the model's name, and media that the dialect itself marks as such, unless it is text in base64.
    ///
    /// - Throws: ``FaultKind/blockedByPolicy`` with the kinds that the policy blocks.
    package mutating func scrub(_ body: ByteBuffer, with scrubber: inout RequestScrubber) throws(Fault) {
        _ = try scrub(body) { leaves, root throws(Fault) in
            try leaves.scrubAll(in: root, with: &scrubber)
            return true
        }
    }

    /// Does the same in slices of about ``ScanProgress/slice`` bytes, so that a large body does not hold up its event loop: call it with the same
    /// body and scrubber until it returns true.
    package mutating func scrubSlice(_ body: ByteBuffer, with scrubber: inout RequestScrubber) throws(Fault) -> Bool {
        try scrub(body) { leaves, root throws(Fault) in try leaves.scrubSlice(in: root, with: &scrubber) }
    }

    private mutating func scrub(
        _ body: ByteBuffer, _ scrub: (LeafScrubber, JSONValue) throws(Fault) -> Bool
    ) throws(Fault) -> Bool {
        // Taken out for the duration: the closure must not touch `self` while the index is read.
        let leaves = leafScrubber
        leaves.take(splicer)
        splicer = JSONSplicer()
        defer {
            splicer = leaves.takeSplicer()
            skippedMedia = leaves.skippedMedia
        }
        return try index.read(body) { root throws(Fault) in try scrub(leaves, root) }
    }

    /// Writes the body as the provider gets it: scrubbed, under the provider's own name for the model, and asking a stream for its usage. All else
    /// is byte for byte as it came.
    ///
    /// - Parameters:
    ///   - surface: the dialect of the body.
    ///   - maxTokens: a cap on the output, for a body that has none.
    package mutating func render(
        _ body: ByteBuffer, as surface: Dialect, upstreamModel: String, asksForUsage: Bool, maxTokens: UInt64? = nil
    ) -> ByteBuffer {
        var splicer = self.splicer
        self.splicer = JSONSplicer()
        index.read(body) { root in
            Self.replaceModel(in: root, by: upstreamModel, &splicer)
            if asksForUsage { Self.askForUsage(in: root, &splicer) }
            if let maxTokens { Self.cap(root, maxTokens, as: surface, of: upstreamModel, &splicer) }
        }
        var rendered = ByteBuffer()
        if splicer.isEmpty { rendered = body } else { splicer.write(body, into: &rendered) }
        splicer.clear()
        self.splicer = splicer
        return rendered
    }

    /// Writes an already rendered body for another model, for a fallback.
    ///
    /// - Parameter maxTokens: the cap that ``render(_:upstreamModel:asksForUsage:maxTokens:)`` was given, which the other model may know by another name.
    package mutating func rerender(
        _ body: ByteBuffer, as surface: Dialect, upstreamModel: String, maxTokens: UInt64? = nil
    ) -> ByteBuffer {
        splicer.clear()
        guard (try? index.scan(body)) != nil else { return body }
        return render(body, as: surface, upstreamModel: upstreamModel, asksForUsage: false, maxTokens: maxTokens)
    }

    /// Reads an already rendered body; `nil`: it is no JSON.
    mutating func withScanned<Result>(_ body: ByteBuffer, _ read: (JSONValue) -> Result) -> Result? {
        splicer.clear()
        guard (try? index.scan(body)) != nil else { return nil }
        return index.read(body) { read($0) }
    }

    /// Writes a body of Anthropic's dialect without the thinking that no model of Anthropic's has signed; see ``ForeignThinking``.
    package mutating func removingForeignThinking(from body: ByteBuffer) -> ByteBuffer {
        guard ForeignThinking.mayBe(in: body), (try? index.scan(body)) != nil else { return body }
        var splicer = self.splicer
        self.splicer = JSONSplicer()
        splicer.clear()
        index.read(body) { root in ForeignThinking.remove(from: root, &splicer) }
        var rest = ByteBuffer()
        if splicer.isEmpty { rest = body } else { splicer.write(body, into: &rest) }
        splicer.clear()
        self.splicer = splicer
        return rest
    }

    /// Writes a body without a member, which a provider would refuse.
    package mutating func removing(_ key: StaticString, from body: ByteBuffer) -> ByteBuffer {
        splicer.clear()
        guard (try? index.scan(body)) != nil else { return body }
        var splicer = self.splicer
        self.splicer = JSONSplicer()
        index.read(body) { root in
            var before: JSONMember?
            var members = root.members
            while let member = members.next() {
                guard member.key.equals(key) else {
                    before = member
                    continue
                }
                // With the comma before it; the first member with the one behind it.
                let start = before?.value.range.upperBound ?? member.key.range.lowerBound
                let end = before == nil ? members.next()?.key.range.lowerBound : nil
                splicer.replace(start..<(end ?? member.value.range.upperBound), withRaw: "")
                break
            }
        }
        var rest = ByteBuffer()
        splicer.write(body, into: &rest)
        splicer.clear()
        self.splicer = splicer
        return rest
    }

    private static func replaceModel(in root: JSONValue, by name: String, _ splicer: inout JSONSplicer) {
        for member in root.members where member.key.equals("model") && !member.value.equals(name) {
            splicer.replace(member.value.range, withString: name)
        }
    }

    /// A member that is there says `null`, or the cap that was added for another model.
    private static func cap(
        _ root: JSONValue, _ maxTokens: UInt64, as surface: Dialect, of upstreamModel: String, _ splicer: inout JSONSplicer
    ) {
        let takesNewName = OpenAIModel.takesNewName(upstreamModel)
        let (name, other): (StaticString, StaticString?) =
            switch surface {
            case .responses: ("max_output_tokens", nil)
            case .openAI where takesNewName: ("max_completion_tokens", "max_tokens")
            case .openAI: ("max_tokens", "max_completion_tokens")
            case .anthropic, .completions, .ollama, .gemini: ("max_tokens", nil)
            }
        func member(_ name: StaticString?) -> JSONMember? { name.flatMap { name in root.members.first { $0.key.equals(name) } } }
        let said = member(name)
        guard let capped = said ?? member(other) else {
            return splicer.insert(into: root, name, integer: Int64(clamping: maxTokens))
        }
        if said == nil { splicer.replace(capped.key.range, withString: "\(name)") }
        splicer.replace(capped.value.range, withInteger: Int64(clamping: maxTokens))
        // Of two names the provider must not read a cap of the other.
        guard said != nil, let unsaid = member(other), !unsaid.value.isNull else { return }
        splicer.replace(unsaid.value.range, withRaw: "null")
    }

    private static func askForUsage(in root: JSONValue, _ splicer: inout JSONSplicer) {
        guard let options = root.members.first(where: { $0.key.equals("stream_options") })?.value else {
            splicer.insert(into: root, "stream_options", raw: "{\"include_usage\":true}")
            return
        }
        guard options.isObject else {
            splicer.replace(options.range, withRaw: "{\"include_usage\":true}")
            return
        }
        if let include = options.members.first(where: { $0.key.equals("include_usage") })?.value {
            if include.bool != true { splicer.replace(include.range, withRaw: "true") }
        } else {
            splicer.insert(into: options, "include_usage", raw: "true")
        }
    }
}
