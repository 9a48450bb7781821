import GatewayJSON

/// Goes through the texts of a request's body in canonical order: tools, the system prompt that stands apart, messages, the rest. It holds places in the body's index and nothing
/// of its memory, so it may stop anywhere and go on later.
struct LeafWalk {
    enum Role: Equatable {
        /// The key of an object, which is looked at and never changed.
        case key
        /// What the dialect itself marks as media.
        case media
        /// Thinking that its provider has signed, with the placeholders in it.
        case signed
        /// A string or a number.
        case text
    }

    /// In which order members are scrubbed. The model's name is not.
    private enum Group: CaseIterable {
        case tools
        case system
        case messages
        case rest

        init?(_ key: JSONValue) {
            if key.equals("tools") || key.equals("functions") {
                self = .tools
            } else if key.equals("messages") || key.equals("input") || key.equals("prompt") {
                self = .messages
            } else if key.equals("system") || key.equals("instructions") {
                self = .system
            } else if key.equals("model") {
                return nil
            } else {
                self = .rest
            }
        }

        var next: Group? {
            switch self {
            case .tools: .system
            case .system: .messages
            case .messages: .rest
            case .rest: nil
            }
        }
    }

    private var group = Group.tools
    /// The place of the next member's key; the root's first one is behind the root itself.
    private var member = 1
    /// Places of the present member that are still to be gone through.
    private var place = 0
    private var end = 0
    private var media = MediaRanges()

    /// The next text; `nil` behind the last one. `root` is the same body's root every time.
    mutating func next(in root: JSONValue) -> (leaf: JSONValue, role: Role)? {
        repeat {
            while place < end, let leaf = root.value(at: place) {
                place += 1
                guard leaf.isLeaf else { continue }
                return (leaf, leaf.kind == .key ? .key : media.role(of: leaf.range))
            }
        } while enterMember(of: root)
        return nil
    }

    /// Goes to the next member of the group, or to the first of a later one.
    private mutating func enterMember(of root: JSONValue) -> Bool {
        guard root.isObject else { return false }
        while true {
            while let key = root.value(at: member), let value = root.value(at: member + 1) {
                member = value.endPlace
                guard Group(key) == group else { continue }
                media = group == .messages ? MediaRanges(messages: value) : MediaRanges()
                (place, end) = (key.place, value.endPlace)
                return true
            }
            guard let next = group.next else { return false }
            (group, member) = (next, root.place + 1)
        }
    }
}

/// Where a conversation holds encoded media, for scanning base64 finds only accidents; and signed thinking.
private struct MediaRanges {
    private var ranges: [Range<Int>] = []
    private var signed: [Range<Int>] = []

    init() {}

    init(messages: JSONValue) {
        for message in messages.elements {
            for member in message.members {
                if member.key.equals("content") || member.key.equals("thinking_blocks") {
                    for part in member.value.elements { add(part) }
                } else if member.key.equals("tool_calls") {
                    for call in member.value.elements { add(signatureOf: call) }
                }
            }
            add(item: message)
        }
    }

    /// What an item of a Responses request holds besides: the parts of a tool's output, and reasoning that its provider has signed, whose signature
    /// stands beside it.
    private mutating func add(item: JSONValue) {
        for member in item.members where member.key.equals("output") {
            for part in member.value.elements { add(part) }
        }
        guard item.members.contains(where: { $0.key.equals("type") && $0.value.equals("reasoning") }),
            let sealed = item.members.first(where: { $0.key.equals("encrypted_content") })?.value, sealed.isString
        else { return }
        if EncodedMedia.isMedia(sealed.rawBytes, needsHeader: false) { ranges.append(sealed.range) }
        for member in item.members where member.key.equals("summary") {
            for text in member.value.elements.flatMap({ Array($0.members) }) where text.key.equals("text") {
                signed.append(text.value.range)
            }
        }
    }

    func role(of range: Range<Int>) -> LeafWalk.Role {
        if !ranges.isEmpty, ranges.contains(range) { return .media }
        return !signed.isEmpty && signed.contains(range) ? .signed : .text
    }

    /// Where Google's interface for OpenAI's clients has the signature of a call.
    private mutating func add(signatureOf call: JSONValue) {
        for extra in call.members where extra.key.equals("extra_content") {
            for google in extra.value.members where google.key.equals("google") {
                for field in google.value.members where field.key.equals("thought_signature") && field.value.isString {
                    if EncodedMedia.isMedia(field.value.rawBytes, needsHeader: false) { ranges.append(field.value.range) }
                }
            }
        }
    }

    /// The parts of a block that its provider has signed or sealed.
    private mutating func add(thinking part: JSONValue) {
        for member in part.members where member.value.isString {
            if member.key.equals("thinking") {
                signed.append(member.value.range)
            } else if member.key.equals("signature") || member.key.equals("data") {
                if EncodedMedia.isMedia(member.value.rawBytes, needsHeader: false) { ranges.append(member.value.range) }
            }
        }
    }

    private mutating func add(_ part: JSONValue) {
        let type = part.members.first { $0.key.equals("type") }?.value
        if let type, type.equals("thinking") || type.equals("redacted_thinking") || type.equals("thought_signature") {
            return add(thinking: part)
        }
        if type?.equals("input_image") == true || type?.equals("input_file") == true { return add(input: part) }
        for member in part.members {
            if member.key.equals("source") { add(source: member.value) }
            // A tool's result has parts of its own.
            if member.key.equals("content") {
                for inner in member.value.elements { addSource(of: inner) }
            }
            let isFile = member.key.equals("file")
            let isAudio = member.key.equals("input_audio")
            guard isFile || isAudio || member.key.equals("image_url") else { continue }
            // Some clients send an image's URL bare.
            if member.value.isString, EncodedMedia.isMedia(member.value.rawBytes, needsHeader: true) { ranges.append(member.value.range) }
            for field in member.value.members where field.value.isString {
                let isData = (isFile && field.key.equals("file_data")) || (isAudio && field.key.equals("data"))
                guard isData || field.key.equals("url") else { continue }
                if EncodedMedia.isMedia(field.value.rawBytes, needsHeader: !isData) { ranges.append(field.value.range) }
            }
        }
    }

    /// An image or file of a Responses request.
    private mutating func add(input part: JSONValue) {
        for member in part.members where member.value.isString {
            let isData = member.key.equals("file_data")
            guard isData || member.key.equals("image_url") else { continue }
            if EncodedMedia.isMedia(member.value.rawBytes, needsHeader: !isData) { ranges.append(member.value.range) }
        }
    }

    private mutating func addSource(of part: JSONValue) {
        for member in part.members where member.key.equals("source") { add(source: member.value) }
    }

    /// An image or document of Anthropic's dialect: bare base64, if it says so.
    private mutating func add(source: JSONValue) {
        guard source.members.contains(where: { $0.key.equals("type") && $0.value.equals("base64") }) else { return }
        for field in source.members where field.key.equals("data") && field.value.isString {
            if EncodedMedia.isMedia(field.value.rawBytes, needsHeader: false) { ranges.append(field.value.range) }
        }
    }
}
