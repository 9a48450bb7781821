package import GatewayCore
package import GatewayJSON
package import NIOCore

/// Reads what servers of OpenAI's chat completion dialect answer, without taking it apart: see ``AnswerChunk``.
package enum OpenAIAnswer {
    /// Most choices, and most tool calls of one choice, that are read; an answer with more is refused.
    private static let maxElements = 1024

    /// Reads the JSON text of one event of a stream.
    ///
    /// - Throws: ``FaultKind/upstreamBadAnswer`` for anything that is no chunk, ``FaultKind/upstreamError`` for an error inside the stream.
    package static func chunk(_ raw: ByteBuffer, index: inout JSONIndex) throws(Fault) -> AnswerChunk {
        try read(raw, message: "delta", index: &index)
    }

    /// Reads the body of an unstreamed answer.
    ///
    /// - Throws: as ``chunk(_:index:)``; an answer without choices is no answer.
    package static func whole(_ raw: ByteBuffer, index: inout JSONIndex) throws(Fault) -> AnswerChunk {
        let chunk = try read(raw, message: "message", index: &index)
        guard !chunk.isUsageOnly else { throw .unreadableAnswer("it has no choices") }
        return chunk
    }

    private static func read(_ raw: ByteBuffer, message: StaticString, index: inout JSONIndex) throws(Fault) -> AnswerChunk {
        do {
            try index.scan(raw)
        } catch {
            throw .unreadableAnswer("it is not valid JSON")
        }
        var chunk = AnswerChunk(raw: raw)
        do {
            try index.read(raw) { root throws(OpenAIReadFailure) in
                guard root.isObject else { throw .fault(.unreadableAnswer("it is no JSON object")) }
                var reader = Reader(raw: raw, message: message)
                try reader.read(root, into: &chunk)
            }
        } catch {
            switch error {
            case .fault(let fault): throw fault
            case .repeatedKey: throw .unreadableAnswer("an object in it has the same key twice")
            }
        }
        return chunk
    }

    private struct Reader {
        let raw: ByteBuffer
        let message: StaticString

        mutating func read(_ root: JSONValue, into chunk: inout AnswerChunk) throws(OpenAIReadFailure) {
            if let error = try root.only("error"), !error.isNull { throw .fault(.errorInAnswer(ProviderError(reading: error))) }
            chunk.id = try root.only("id")?.string
            chunk.model = try root.only("model")?.string
            chunk.created = try root.only("created")?.int.flatMap { UInt64(exactly: $0) }
            if let usage = try root.only("usage"), usage.isObject { chunk.usage = try TokenUsage(openAI: usage) }
            guard let choices = try root.only("choices") else {
                chunk.isUsageOnly = true
                guard chunk.usage != nil || chunk.id != nil else { throw .fault(.unreadableAnswer("it is no chat completion")) }
                return
            }
            guard choices.isArray else { throw .fault(.unreadableAnswer("its choices are no array")) }
            chunk.isUsageOnly = choices.isEmpty
            for (position, choice) in choices.elements.enumerated() {
                guard position < maxElements else { throw .fault(.unreadableAnswer("it has more than \(maxElements) choices")) }
                try read(choice: choice, into: &chunk)
            }
        }

        private func read(choice: JSONValue, into chunk: inout AnswerChunk) throws(OpenAIReadFailure) {
            guard choice.isObject else { throw .fault(.unreadableAnswer("one of its choices is no object")) }
            let index = try number(choice.only("index"), or: 0)
            if let body = try choice.only(message), body.isObject {
                try read(text: "reasoning_content", .reasoning, of: body, choice: index, into: &chunk)
                try read(text: "reasoning", .reasoning, of: body, choice: index, into: &chunk)
                try read(text: "content", .text, of: body, choice: index, into: &chunk)
                try read(text: "refusal", .refusal, of: body, choice: index, into: &chunk)
                try read(toolCallsOf: body, choice: index, into: &chunk)
            }
            if let reason = try choice.only("finish_reason")?.string {
                chunk.finishes.append(AnswerFinish(choice: index, reason: FinishReason(openAI: reason), providerReason: reason))
            }
        }

        private func read(
            text key: StaticString, _ kind: AnswerItemKind, of body: JSONValue, choice: Int, into chunk: inout AnswerChunk
        ) throws(OpenAIReadFailure) {
            guard let value = try body.only(key), value.isString else { return }
            chunk.fragments.append(
                AnswerFragment(key: AnswerItemKey(choice: choice, kind: kind), text: text(of: value), rawRange: value.range))
        }

        private func read(toolCallsOf body: JSONValue, choice: Int, into chunk: inout AnswerChunk) throws(OpenAIReadFailure) {
            guard let calls = try body.only("tool_calls"), calls.isArray else { return }
            for (position, call) in calls.elements.enumerated() {
                guard position < maxElements else { throw .fault(.unreadableAnswer("it has more than \(maxElements) tool calls")) }
                guard call.isObject else { throw .fault(.unreadableAnswer("one of its tool calls is no object")) }
                let index = try number(call.only("index"), or: position)
                let function = try call.only("function")
                let arguments = try function?.only("arguments")
                chunk.fragments.append(
                    AnswerFragment(
                        key: AnswerItemKey(choice: choice, kind: .toolCall, index: index), callID: try call.only("id")?.nonEmptyString,
                        name: try function?.only("name")?.nonEmptyString, text: arguments.map(text) ?? ByteBuffer(),
                        rawRange: arguments.flatMap { $0.isString ? $0.range : nil }))
            }
        }

        private func number(_ value: JSONValue?, or fallback: Int) throws(OpenAIReadFailure) -> Int {
            guard let value, !value.isNull else { return fallback }
            guard let number = value.int, (0..<Int64(maxElements)).contains(number) else {
                throw .fault(.unreadableAnswer("one of its indexes is no whole number from 0 to \(maxElements - 1)"))
            }
            return Int(number)
        }

        /// The decoded text: a slice of the answer where it stands there without escapes.
        private func text(of value: JSONValue) -> ByteBuffer {
            if !value.hasEscapes, let range = value.contentRange {
                return raw.getSlice(at: raw.readerIndex + range.lowerBound, length: range.count) ?? ByteBuffer()
            }
            var text = ByteBuffer()
            value.decodeString(into: &text)
            return text
        }
    }
}

/// Why an answer cannot be read: typed, so that it can pass out of a scanned document.
private enum OpenAIReadFailure: Error {
    case fault(Fault)
    case repeatedKey
}

extension JSONValue {
    /// The member with this key, of an object; one that stands twice is refused, for another reader might take the other.
    fileprivate func only(_ key: StaticString) throws(OpenAIReadFailure) -> JSONValue? {
        do {
            return try member(key)
        } catch {
            throw .repeatedKey
        }
    }

    fileprivate var nonEmptyString: String? {
        guard let string, !string.isEmpty else { return nil }
        return string
    }
}

extension TokenUsage {
    /// OpenAI counts cached tokens among the prompt's and reasoning tokens among the completion's; here the classes are disjoint.
    fileprivate init(openAI usage: JSONValue) throws(OpenAIReadFailure) {
        func count(_ key: StaticString, of object: JSONValue?) throws(OpenAIReadFailure) -> UInt64 {
            guard let value = try object?.only(key)?.int, value > 0 else { return 0 }
            return UInt64(value)
        }
        let prompt = try count("prompt_tokens", of: usage)
        let completion = try count("completion_tokens", of: usage)
        let cached = min(prompt, try count("cached_tokens", of: usage.only("prompt_tokens_details")))
        let reasoning = min(completion, try count("reasoning_tokens", of: usage.only("completion_tokens_details")))
        self.init(input: prompt - cached, cacheRead: cached, output: completion - reasoning, reasoning: reasoning)
    }
}

extension FinishReason {
    fileprivate init(openAI reason: String) {
        self =
            switch reason {
            case "stop": .stop
            case "length": .length
            case "tool_calls", "function_call": .toolCalls
            case "content_filter": .contentFilter
            default: .other
            }
    }
}

extension Fault {
    fileprivate static func unreadableAnswer(_ reason: String) -> Fault {
        Fault(.upstreamBadAnswer, origin: .upstream, message: "The provider sent an answer that cannot be used: \(reason).")
    }

    fileprivate static func errorInAnswer(_ error: ProviderError) -> Fault {
        Fault(.upstreamError, origin: .upstream, message: "The provider sent an error in place of an answer.")
    }
}
