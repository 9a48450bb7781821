import GatewayCore
import GatewayJSON
import NIOCore

extension AnswerChunk {
    /// Whether a fragment stands in `raw` otherwise than it must be read.
    var needsSplicing: Bool { fragments.contains { $0.isRewritten } }

    /// Appends the chunk's JSON with its rewritten fragments in place, every other byte as the provider sent it.
    ///
    /// - Returns: `false`, with `output` as it was, if a rewritten fragment has no place in `raw`: passing `raw` on would show a placeholder.
    func write(into output: inout ByteBuffer) -> Bool {
        let start = output.writerIndex
        guard needsSplicing else {
            output.writeImmutableBuffer(raw)
            return true
        }
        let isComplete = raw.withUnsafeReadableBytes { bytes in
            var copied = 0
            for fragment in fragments where fragment.isRewritten {
                guard let range = fragment.rawRange, range.lowerBound >= copied, range.upperBound <= bytes.count else { return false }
                output.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[copied..<range.lowerBound]))
                if fragment.isJSON {
                    output.writeImmutableBuffer(fragment.text)
                } else {
                    fragment.text.withUnsafeReadableBytes { output.writeJSONString($0) }
                }
                copied = range.upperBound
            }
            output.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[copied...]))
            return true
        }
        if !isComplete { output.moveWriterIndex(to: start) }
        return isComplete
    }

    /// Appends the chunk as one server-sent event, named as the provider's was; `false` as for ``write(into:)``.
    func writeEvent(into output: inout ByteBuffer) -> Bool {
        let start = output.writerIndex
        output.reserveCapacity(minimumWritableBytes: raw.readableBytes + 16)
        if !event.isEmpty {
            output.writeStaticString("event: ")
            output.writeString(event)
            output.writeStaticString("\n")
        }
        output.writeStaticString("data: ")
        let dataStart = output.writerIndex
        guard write(into: &output) else {
            output.moveWriterIndex(to: start)
            return false
        }
        output.replaceLineBreaks(from: dataStart)
        output.writeStaticString("\n\n")
        return true
    }
}

extension ByteBuffer {
    /// Puts a space in place of every line break from `start` on. In JSON a bare line break is white space between tokens; in an event it would
    /// end the line.
    fileprivate mutating func replaceLineBreaks(from start: Int) {
        let offset = start - readerIndex
        withUnsafeMutableReadableBytes { bytes in
            for position in offset..<bytes.count where bytes[position] == 0x0A || bytes[position] == 0x0D {
                bytes[position] = 0x20
            }
        }
    }
}

/// What a stream carries beside the answer's chunks.
enum StreamText {
    static let done: StaticString = "data: [DONE]\n\n"
    static let comment: StaticString = ": keep-alive\n\n"
    /// Anthropic's.
    static let ping: StaticString = "event: ping\ndata: {\"type\":\"ping\"}\n\n"
    static let messageStop: StaticString = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
}

extension Fault {
    /// OpenAI's error object, all four keys always there.
    func writeErrorObject(into output: inout ByteBuffer) {
        let presentation = kind.presentation
        var json = JSONWriter(into: output)
        output = ByteBuffer()
        json.object { json in
            json.key("error")
            json.object { json in
                json.member("message", message)
                json.member("type", presentation.openAIType)
                json.member("param", orNull: parameter)
                json.member("code", presentation.openAICode)
            }
        }
        output = json.buffer
    }

    /// Anthropic's error object, with the field at fault among its words, for it has no place of its own there.
    func writeMessagesError(_ requestID: RequestID, into output: inout ByteBuffer) {
        var json = JSONWriter(into: output)
        output = ByteBuffer()
        json.object { json in
            json.member("type", "error")
            json.key("error")
            json.object { json in
                json.member("type", kind.presentation.anthropicType)
                json.member("message", parameter.map { message.contains($0) ? message : "\($0): \(message)" } ?? message)
            }
            json.member("request_id", requestID.description)
        }
        output = json.buffer
    }
}
