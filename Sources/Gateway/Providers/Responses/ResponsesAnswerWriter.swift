package import GatewayCore
package import GatewayJSON
package import NIOCore

/// Writes an answer as OpenAI's Responses API does: what a caller of that surface reads. Pure; one for each answer.
///
/// A response has one choice: others are not asked for, and left out if they come. Its items stand behind each other; only tool calls may go on beside each
/// other, as some servers send them. Every text is told again when it is whole, so the answer is kept until its end.
///
/// Bounds: ``maxBytes`` of text in one stream; more is ``FaultKind/answerTooLarge``; ``maxPieces`` items and parts of messages.
package struct ResponsesAnswerWriter {
    /// How the events of a stream stand behind each other.
    package enum Framing: Sendable {
        /// As server-sent events.
        case events
        /// One JSON text in each line.
        case lines
    }

    let suffix: String
    let created: UInt64
    let model: String
    let echo: ResponsesEcho
    let framing: Framing
    var items: [ResponsesItem] = []
    private var sequence: Int64 = 0
    private var hasBegun = false
    private var finish: FinishReason?
    private var bytes = 0
    /// Items and parts so far.
    var pieces = 0

    private static let maxBytes = 4 << 20
    private static let maxPieces = 1024

    /// - Parameter echo: what is repeated of the request.
    package init(_ head: AnswerHead, _ echo: ResponsesEcho, framing: Framing = .events) {
        suffix = String(head.requestID.description.dropFirst(4))
        created = head.createdUnixSeconds
        model = head.model
        self.echo = echo
        self.framing = framing
    }

    /// The response's id.
    package var id: String { "resp_\(suffix)" }

    /// The elements of the output so far, as JSON.
    package var output: ByteBuffer {
        var json = JSONWriter()
        for item in items { item.write(&json) }
        return json.buffer
    }

    // MARK: a stream

    /// Appends the events that tell a chunk.
    ///
    /// - Throws: ``FaultKind/upstreamBadAnswer`` for a tool call that goes on behind its end, ``FaultKind/answerTooLarge``.
    package mutating func write(_ chunk: AnswerChunk, into output: inout ByteBuffer) throws(Fault) {
        begin(&output)
        try writeItems(of: chunk, &output)
        for told in chunk.finishes where told.choice == 0 { finish = finish ?? told.reason }
    }

    /// Appends what ends the response.
    package mutating func end(_ usage: TokenUsage, into output: inout ByteBuffer) {
        begin(&output)
        closeItems(&output, isLast: true)
        let isIncomplete = isIncomplete
        event(isIncomplete ? "response.incomplete" : "response.completed", &output) { response, json in
            json.key("response")
            response.write(isIncomplete ? .incomplete : .completed, usage, &json)
        }
    }

    /// Appends what ends a response that failed: the error, and the response as far as it came.
    package mutating func fail(_ fault: Fault, into output: inout ByteBuffer) {
        begin(&output)
        event("error", &output) { _, json in fault.writeErrorEvent(into: &json) }
        event("response.failed", &output) { response, json in
            json.key("response")
            response.write(.failed(fault), nil, &json)
        }
    }

    private mutating func writeItems(of chunk: AnswerChunk, _ output: inout ByteBuffer) throws(Fault) {
        var logprobs = echo.wantsLogprobs ? ResponsesLogprobs(of: chunk) : ResponsesLogprobs()
        for fragment in chunk.fragments where fragment.key.choice == 0 && fragment.tellsSomething {
            // Of a text that was put together here nobody knows how probable it is; of one in pieces the first has them all.
            let own = fragment.key.kind == .text && !fragment.isRewritten ? logprobs : ResponsesLogprobs()
            if fragment.key.kind == .text { logprobs = ResponsesLogprobs() }
            bytes += fragment.text.readableBytes + own.byteCount
            guard bytes <= Self.maxBytes || !hasBegun else { throw .answerTooLong(Self.maxBytes) }
            guard pieces < Self.maxPieces else { throw .unreadableAnswer("it has more than \(Self.maxPieces) items") }
            try write(fragment, own, &output)
        }
    }

    private mutating func begin(_ output: inout ByteBuffer) {
        guard !hasBegun else { return }
        hasBegun = true
        for type: StaticString in ["response.created", "response.in_progress"] {
            event(type, &output) { response, json in
                json.key("response")
                response.write(.inProgress, nil, &json)
            }
        }
    }

    /// Appends an event, whose name is its data's type.
    mutating func event(
        _ type: StaticString, _ output: inout ByteBuffer, _ content: (borrowing ResponsesAnswerWriter, inout JSONWriter) -> Void
    ) {
        if framing == .events {
            output.writeStaticString("event: ")
            output.writeStaticString(type)
            output.writeStaticString("\ndata: ")
        }
        var json = JSONWriter(into: output)
        output = ByteBuffer()
        json.object { json in
            json.key("type")
            json.string(UnsafeRawBufferPointer(start: type.utf8Start, count: type.utf8CodeUnitCount))
            json.member("sequence_number", sequence)
            content(self, &json)
        }
        sequence += 1
        output = json.buffer
        output.writeStaticString(framing == .events ? "\n\n" : "\n")
    }

    // MARK: a whole answer

    /// Appends a whole answer.
    package mutating func write(whole chunk: AnswerChunk, _ usage: TokenUsage, into output: inout ByteBuffer) throws(Fault) {
        finish = chunk.finishes.first { $0.choice == 0 }?.reason
        var events = ByteBuffer()
        try writeItems(of: chunk, &events)
        closeItems(&events, isLast: true)
        var json = JSONWriter(into: output)
        output = ByteBuffer()
        write(isIncomplete ? .incomplete : .completed, usage, &json)
        output = json.buffer
    }

    // MARK: the response

    enum Status {
        case inProgress, completed, incomplete
        case failed(Fault)
    }

    /// Why the provider ended before the model did; `nil`: it did not.
    var incompleteReason: String? {
        switch finish {
        case .length: "max_output_tokens"
        case .contentFilter, .refusal: "content_filter"
        case .stop, .toolCalls, .other, nil: nil
        }
    }

    var isIncomplete: Bool { incompleteReason != nil }

    private func write(_ status: Status, _ usage: TokenUsage?, _ json: inout JSONWriter) {
        json.object { json in
            json.member("id", id)
            json.member("object", "response")
            json.member("created_at", Int64(clamping: created))
            var fault: Fault?
            switch status {
            case .inProgress: json.member("status", "in_progress")
            case .completed: json.member("status", "completed")
            case .incomplete: json.member("status", "incomplete")
            case .failed(let reason):
                json.member("status", "failed")
                fault = reason
            }
            json.member("background", false)
            json.key("error")
            if let fault { fault.writeResponseError(into: &json) } else { json.null() }
            json.key("incomplete_details")
            if case .incomplete = status, let incompleteReason {
                json.object { json in json.member("reason", incompleteReason) }
            } else {
                json.null()
            }
            json.member("model", model)
            json.key("output")
            json.array { json in
                for item in items { item.write(&json) }
            }
            json.memberNull("previous_response_id")
            json.member("store", false)
            echo.write(into: &json)
            if let usage { Self.write(usage, &json) } else { json.memberNull("usage") }
        }
    }

    private static func write(_ usage: TokenUsage, _ json: inout JSONWriter) {
        let input = Int64(clamping: usage.input &+ usage.cacheRead &+ usage.cacheWrite)
        let output = Int64(clamping: usage.output &+ usage.reasoning)
        json.key("usage")
        json.object { json in
            json.member("input_tokens", input)
            json.key("input_tokens_details")
            json.object { json in
                json.member("cached_tokens", Int64(clamping: usage.cacheRead))
                json.member("cache_write_tokens", Int64(clamping: usage.cacheWrite))
            }
            json.member("output_tokens", output)
            json.key("output_tokens_details")
            json.object { json in json.member("reasoning_tokens", Int64(clamping: usage.reasoning)) }
            json.member("total_tokens", input &+ output)
        }
    }
}

extension AnswerFragment {
    fileprivate var tellsSomething: Bool { key.kind != .aside && (text.readableBytes > 0 || name != nil || callID != nil) }
}

extension Fault {
    fileprivate static func answerTooLong(_ maxBytes: Int) -> Fault {
        Fault(
            .answerTooLarge, origin: .upstream,
            message: "The provider's answer is larger than the \(maxBytes) bytes that a response may have.")
    }

    /// The members of an `error` event: flat, as OpenAI's reference has it, and nested, as its SDKs look for it.
    package func writeErrorEvent(into json: inout JSONWriter) {
        let presentation = kind.presentation
        json.member("code", presentation.openAICode)
        json.member("message", message)
        json.member("param", orNull: parameter)
        json.key("error")
        json.object { json in
            json.member("message", message)
            json.member("type", presentation.openAIType)
            json.member("param", orNull: parameter)
            json.member("code", presentation.openAICode)
        }
    }

    /// The `error` of a failed response, whose codes are few.
    fileprivate func writeResponseError(into json: inout JSONWriter) {
        let code =
            switch kind.presentation.httpStatus {
            case 429: "rate_limit_exceeded"
            case 400..<500: "invalid_prompt"
            default: "server_error"
            }
        json.object { json in
            json.member("code", code)
            json.member("message", message)
        }
    }
}
