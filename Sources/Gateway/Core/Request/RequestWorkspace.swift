import GatewayJSON
package import NIOCore
package import Scrubbing

/// Reads, scrubs and rewrites request bodies. Its memory serves request after request: keep one per event loop.
///
/// One request is taken through ``read(_:)``, ``scrub(_:with:)`` and ``render(_:upstreamModel:asksForUsage:)`` without another in between.
package struct RequestWorkspace: ~Copyable {
    private var index = JSONIndex()
    private var splicer = JSONSplicer()
    private let leafScrubber = LeafScrubber()
    /// Media of the request that was scrubbed last that was not scanned.
    package private(set) var skippedMedia = 0

    package init() {}

    /// Checks the body and reads what the gateway interprets of it.
    package mutating func read(_ body: ByteBuffer) throws(Fault) -> ChatEnvelope {
        splicer.clear()
        do {
            try index.scan(body)
        } catch {
            throw Fault.malformedJSON(error)
        }
        return try index.read(body) { root throws(Fault) in try ChatEnvelope(reading: root) }
    }

    /// Scrubs every text that would reach the provider, in canonical order: tools, messages, the rest. The order keeps numbers stable when turns
    /// are appended to a conversation. Keys of objects are looked at and never changed.
    ///
    /// Not scanned: the model's name, and media that the dialect itself marks as such, unless it is text in base64.
    ///
    /// - Throws: ``FaultKind/blockedByPolicy`` with the kinds that the policy blocks.
    package mutating func scrub(_ body: ByteBuffer, with scrubber: inout RequestScrubber) throws(Fault) {
        // Taken out for the duration: the closure must not touch `self` while the index is read.
        let leaves = leafScrubber
        leaves.begin(splicer)
        splicer = JSONSplicer()
        defer {
            splicer = leaves.takeSplicer()
            skippedMedia = leaves.skippedMedia
        }
        try index.read(body) { root throws(Fault) in
            for group in LeafGroup.allCases {
                for member in root.members where LeafGroup(member.key) == group {
                    try leaves.inspect(key: member.key, with: &scrubber)
                    let media = group == .messages ? MediaRanges(messages: member.value) : MediaRanges()
                    for leaf in member.value.leaves {
                        if leaf.kind == .key {
                            try leaves.inspect(key: leaf, with: &scrubber)
                        } else if media.contains(leaf.range) {
                            try leaves.scrub(media: leaf, with: &scrubber)
                        } else {
                            try leaves.scrub(leaf, with: &scrubber)
                        }
                    }
                }
            }
        }
    }

    /// Writes the body as the provider gets it: scrubbed, under the provider's own name for the model, and asking a stream for its usage. All else
    /// is byte for byte as it came.
    package mutating func render(_ body: ByteBuffer, upstreamModel: String, asksForUsage: Bool) -> ByteBuffer {
        var splicer = self.splicer
        self.splicer = JSONSplicer()
        index.read(body) { root in
            Self.replaceModel(in: root, by: upstreamModel, &splicer)
            if asksForUsage { Self.askForUsage(in: root, &splicer) }
        }
        var rendered = ByteBuffer()
        if splicer.isEmpty { rendered = body } else { splicer.write(body, into: &rendered) }
        splicer.clear()
        self.splicer = splicer
        return rendered
    }

    /// Writes an already rendered body for another model, for a fallback.
    package mutating func rerender(_ body: ByteBuffer, upstreamModel: String) -> ByteBuffer {
        splicer.clear()
        guard (try? index.scan(body)) != nil else { return body }
        return render(body, upstreamModel: upstreamModel, asksForUsage: false)
    }

    private static func replaceModel(in root: JSONValue, by name: String, _ splicer: inout JSONSplicer) {
        for member in root.members where member.key.equals("model") && !member.value.equals(name) {
            splicer.replace(member.value.range, withString: name)
        }
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

extension RequestWorkspace {
    /// In which order members are scrubbed.
    private enum LeafGroup: CaseIterable {
        case tools
        case messages
        case rest
        case never

        init(_ key: JSONValue) {
            if key.equals("tools") || key.equals("functions") {
                self = .tools
            } else if key.equals("messages") {
                self = .messages
            } else if key.equals("model") {
                self = .never
            } else {
                self = .rest
            }
        }

        static var allCases: [LeafGroup] { [.tools, .messages, .rest] }
    }

    /// Where a conversation holds encoded media: scanning base64 finds only accidents.
    private struct MediaRanges {
        private var ranges: [Range<Int>] = []

        init() {}

        init(messages: JSONValue) {
            for message in messages.elements {
                for member in message.members where member.key.equals("content") {
                    for part in member.value.elements { add(part) }
                }
            }
        }

        func contains(_ range: Range<Int>) -> Bool { !ranges.isEmpty && ranges.contains(range) }

        private mutating func add(_ part: JSONValue) {
            for member in part.members {
                let isFile = member.key.equals("file")
                let isAudio = member.key.equals("input_audio")
                guard isFile || isAudio || member.key.equals("image_url") else { continue }
                for field in member.value.members where field.value.isString {
                    let isData = (isFile && field.key.equals("file_data")) || (isAudio && field.key.equals("data"))
                    guard isData || field.key.equals("url") else { continue }
                    if EncodedMedia.isMedia(field.value.rawBytes, needsHeader: !isData) { ranges.append(field.value.range) }
                }
            }
        }
    }
}
