import NIOCore

/// The answers of the `bench` models, made once and sent without looking at the request beyond what is needed to choose one.
struct BenchAnswers {
    /// What the request says, found by searching its bytes.
    struct Request: Hashable {
        var chunks: Int
        var isStream: Bool
        var includesUsage: Bool
    }

    struct Answer {
        var bytes: ByteBuffer
        var promptTokens: Int
        var completionTokens: Int
    }

    private var made: [Request: Answer] = [:]
    private static let maxMade = 64

    /// - Returns: `nil` when the model is another one, or more than `bench` alone.
    static func request(in body: ByteBuffer) -> Request? {
        body.withUnsafeReadableBytes { bytes in
            guard let model = value(of: "\"model\"", in: bytes), model.starts(with: "\"bench".utf8) else { return nil }
            let name = model.dropFirst("\"bench".utf8.count).prefix { $0 != UInt8(ascii: "\"") }
            var chunks = 16
            if name.first == UInt8(ascii: ":") {
                guard name.count <= 6, let count = Int(String(decoding: name.dropFirst(), as: UTF8.self)), (1...10_000).contains(count)
                else {
                    return nil
                }
                chunks = count
            } else if !name.isEmpty {
                return nil
            }
            return Request(
                chunks: chunks, isStream: isTrue("\"stream\"", in: bytes), includesUsage: isTrue("\"include_usage\"", in: bytes))
        }
    }

    mutating func answer(to request: Request) -> Answer {
        if let answer = made[request] {
            return answer
        }
        let answer = Self.make(request)
        if made.count >= Self.maxMade {
            made.removeAll()
        }
        made[request] = answer
        return answer
    }

    private static func make(_ request: Request) -> Answer {
        let model = request.chunks == 16 ? "bench" : "bench:\(request.chunks)"
        let chat = ChatRequest(bench: model, isStream: request.isStream, includesUsage: request.includesUsage)
        let plan = AnswerPlan(
            answering: chat, behaviour: Behaviour(bench: request.chunks), id: "chatcmpl-bench", created: 1_767_225_600,
            headers: ProviderState.headers(requestID: "req_bench"))
        var bytes = ByteBuffer()
        for case .send(let part, _) in plan.steps {
            bytes.writeImmutableBuffer(part)
        }
        return Answer(bytes: bytes, promptTokens: chat.promptTokens, completionTokens: request.chunks)
    }

    /// The bytes that follow a key and its colon.
    private static func value(of key: StaticString, in bytes: UnsafeRawBufferPointer) -> Slice<UnsafeRawBufferPointer>? {
        let keyBytes = UnsafeRawBufferPointer(start: key.utf8Start, count: key.utf8CodeUnitCount)
        var from = 0
        while let found = bytes[from...].firstIndex(of: keyBytes[0]) {
            let rest = bytes[found...]
            if rest.starts(with: keyBytes) {
                let value = rest.dropFirst(keyBytes.count).drop { $0 == UInt8(ascii: " ") }
                if value.first == UInt8(ascii: ":") {
                    return value.dropFirst().drop { $0 == UInt8(ascii: " ") }
                }
            }
            from = found + 1
        }
        return nil
    }

    private static func isTrue(_ key: StaticString, in bytes: UnsafeRawBufferPointer) -> Bool {
        value(of: key, in: bytes)?.starts(with: "true".utf8) ?? false
    }
}

extension Behaviour {
    fileprivate init(bench chunks: Int) {
        content = .bench(chunks: chunks)
    }
}

extension ChatRequest {
    /// A stand-in for any request to a bench model, whose prompt is not counted.
    fileprivate init(bench model: String, isStream: Bool, includesUsage: Bool) {
        self.model = model
        self.isStream = isStream
        self.includesUsage = includesUsage
        choices = 1
        lastUserText = ""
        promptTokens = 16
    }
}
