/// What a model's name asks the provider to do: one kind of content, and any timing and faults.
struct Behaviour: Equatable, Sendable {
    enum Content: Equatable, Sendable {
        case echo
        /// This many words.
        case words(Int)
        /// A text with an address and a card number that nobody asked for.
        case leak
        /// `right` where the last user message has one of the words, or where there are none; else `wrong`.
        case knows([String])
        /// One call of each tool.
        case toolCalls([String])
        /// A constant answer, streamed in this many chunks.
        case bench(chunks: Int)
    }

    enum Breakage: Equatable, Sendable {
        case failure(status: Int)
        case hang
        case hangMidBody
        case cut
        case garbage
        case empty
        case html
        case huge(mebibytes: Int)
        case badSSE
    }

    var content = Content.echo
    var breakage: Breakage?
    var delayMilliseconds = 0
    var chunkDelayMilliseconds = 0
    /// Characters of text in a chunk; `nil` for a word each.
    var pieceLength: Int?
    /// Writes every character of the answer's text as `\uXXXX`.
    var escapesText = false
    /// Thinks before it answers, and signs that, in Anthropic's dialect.
    var thinks = false
    /// Sends one byte a millisecond, head included.
    var drips = false
    /// Takes no notice of `max_tokens`.
    var ignoresLimit = false
    /// How many of the requests with this model's name meet the fault and the delay; `nil`: all.
    var faultyRequests: Int?

    /// The behaviour for the n-th request with this model's name, from 1.
    func forRequest(_ number: Int) -> Behaviour {
        guard let faultyRequests, number > faultyRequests else { return self }
        var sound = self
        (sound.breakage, sound.delayMilliseconds, sound.chunkDelayMilliseconds, sound.drips) = (nil, 0, 0, false)
        return sound
    }

    /// - Returns: `nil` when some of the name's terms are in the table and others are not, which is a misspelling. A name without any
    ///   term, such as a real model's, behaves as `echo`.
    init?(model: String) {
        var known = 0
        let terms = model.split(separator: "+", omittingEmptySubsequences: false)
        for text in terms {
            guard let apply = Self.terms.lazy.compactMap({ $0.parse(text) }).first else { continue }
            apply(&self)
            known += 1
        }
        guard known == 0 || known == terms.count else { return nil }
    }
}

extension Behaviour {
    /// One kind of term that a model's name can hold.
    struct Term: Sendable {
        var pattern: String
        var meaning: String
        /// What the term changes, if the text is such a term.
        var parse: @Sendable (Substring) -> ((inout Behaviour) -> Void)?
    }

    static let terms: [Term] = [
        Term(pattern: "echo", meaning: "repeats the last user message, a word per chunk (the default)") { text in
            text == "echo" ? { $0.content = .echo } : nil
        },
        Term(pattern: "say:<n>", meaning: "says n words") { text in
            number(in: text, after: "say:", range: 0...1_000_000).map { count in { $0.content = .words(count) } }
        },
        Term(pattern: "leak", meaning: "tells an e-mail address and a card number that nobody asked for, then the last user message") {
            text in
            text == "leak" ? { $0.content = .leak } : nil
        },
        Term(
            pattern: "knows:<word>[,<word>]",
            meaning: "answers `right` where the last user message has one of the words, else `wrong`; knows:all is always right"
        ) { text in
            guard text.hasPrefix("knows:"), text.count > "knows:".count else { return nil }
            let words = text.dropFirst("knows:".count).split(separator: ",").map(String.init)
            return { $0.content = .knows(words == ["all"] ? [] : words) }
        },
        Term(
            pattern: "tool:<name>[,<name>]",
            meaning:
                "calls the tools with {\"text\": <last user message>}; after a tool's result, answers with a text that holds the result"
        ) { text in
            guard text.hasPrefix("tool:"), text.count > "tool:".count else { return nil }
            let names = text.dropFirst("tool:".count).split(separator: ",").map(String.init)
            return { $0.content = .toolCalls(names) }
        },
        Term(
            pattern: "bench[:<n>]",
            meaning: "a constant answer made in advance, streamed as n chunks (16) in one write; counted, but not recorded"
        ) { text in
            let chunks = text == "bench" ? 16 : number(in: text, after: "bench:", range: 1...10_000)
            return chunks.map { count in { $0.content = .bench(chunks: count) } }
        },
        Term(pattern: "delay-<n>ms", meaning: "waits before the answer begins") { text in
            number(in: text, after: "delay-", before: "ms", range: 0...600_000).map { time in { $0.delayMilliseconds = time } }
        },
        Term(pattern: "slow-<n>ms", meaning: "waits before each chunk of a stream; also written echo-slow-<n>ms") { text in
            let time =
                number(in: text, after: "slow-", before: "ms", range: 0...600_000)
                ?? number(in: text, after: "echo-slow-", before: "ms", range: 0...600_000)
            return time.map { time in { $0.chunkDelayMilliseconds = time } }
        },
        Term(pattern: "slow-drip", meaning: "sends one byte a millisecond, head included") { text in
            text == "slow-drip" ? { $0.drips = true } : nil
        },
        Term(pattern: "pieces:<n>", meaning: "streams n characters per chunk instead of a word") { text in
            number(in: text, after: "pieces:", range: 1...10_000).map { length in { $0.pieceLength = length } }
        },
        Term(pattern: "escaped", meaning: "writes each character of the answer's text as \\uXXXX") { text in
            text == "escaped" ? { $0.escapesText = true } : nil
        },
        Term(pattern: "no-limit", meaning: "takes no notice of max_tokens") { text in
            text == "no-limit" ? { $0.ignoresLimit = true } : nil
        },
        Term(pattern: "fail-<status>", meaning: "answers 400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503 or 529") { text in
            guard let status = number(in: text, after: "fail-", range: 400...599), Failure(status: status) != nil else { return nil }
            return { $0.breakage = .failure(status: status) }
        },
        Term(pattern: "think", meaning: "thinks about the last user message before the answer, and signs it (Anthropic's dialect)") {
            text in
            text == "think" ? { $0.thinks = true } : nil
        },
        Term(pattern: "first-<n>", meaning: "has the name's fault, delay or slowness for the first n requests with this very name alone") {
            text in
            number(in: text, after: "first-", range: 1...1_000).map { count in { $0.faultyRequests = count } }
        },
        Term(pattern: "hang", meaning: "takes the request and never answers", breakage: .hang),
        Term(pattern: "hang-mid", meaning: "stops in the middle of the body and keeps the connection", breakage: .hangMidBody),
        Term(pattern: "cut", meaning: "closes the connection in the middle of the body", breakage: .cut),
        Term(pattern: "garbage", meaning: "answers 200 with something that is not JSON", breakage: .garbage),
        Term(pattern: "empty", meaning: "answers 200 with an empty body", breakage: .empty),
        Term(pattern: "html", meaning: "answers 200 with an HTML page", breakage: .html),
        Term(pattern: "huge[:<n>]", meaning: "answers with n MiB of text (32); a stream has it in one event") { text in
            let size = text == "huge" ? 32 : number(in: text, after: "huge:", range: 1...1024)
            return size.map { size in { $0.breakage = .huge(mebibytes: size) } }
        },
        Term(
            pattern: "bad-sse", meaning: "puts control characters into the stream's second event; an answer that is no stream is sound",
            breakage: .badSSE),
    ]

    private static func number(in text: Substring, after prefix: String, before suffix: String = "", range: ClosedRange<Int>) -> Int? {
        guard text.hasPrefix(prefix), text.hasSuffix(suffix), text.count > prefix.count + suffix.count else { return nil }
        let digits = text.dropFirst(prefix.count).dropLast(suffix.count)
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let value = Int(digits), range.contains(value) else { return nil }
        return value
    }
}

extension Behaviour.Term {
    /// A term that is one word and breaks the answer in one way.
    init(pattern: String, meaning: String, breakage: Behaviour.Breakage) {
        self.init(pattern: pattern, meaning: meaning) { text in
            text == pattern ? { $0.breakage = breakage } : nil
        }
    }
}
