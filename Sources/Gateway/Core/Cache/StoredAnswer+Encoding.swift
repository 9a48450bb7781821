package import NIOCore

/// An answer as bytes, for a cache outside of this process. A reader that meets a version it does not know has no answer.
extension StoredAnswer {
    private static let version: UInt8 = 2

    package func encoded() -> [UInt8] {
        var writer = RecordWriter(capacity: bytes.readableBytes + 10 * ends.count + model.utf8.count + provider.utf8.count + 128)
        writer.append(byte: Self.version)
        writer.append(isStreamed)
        writer.append(byte: dialect.rawValue)
        writer.append(model)
        writer.append(provider)
        writer.append(usage)
        writer.append(UInt64(finishes.count))
        for finish in finishes {
            writer.append(UInt64(clamping: finish.choice))
            writer.append(byte: finish.reason.rawValue)
            writer.append(finish.providerReason)
        }
        writer.append(UInt64(ends.count))
        var start = 0
        for end in ends {
            writer.append(UInt64(end - start))
            start = end
        }
        bytes.withUnsafeReadableBytes { writer.append(contentsOf: $0) }
        return writer.bytes
    }

    /// - Returns: `nil`: the bytes are no answer, or one that another version wrote.
    package init?(decoding bytes: ByteBuffer) {
        var reader = RecordReader(Array(bytes.readableBytesView)[...])
        guard let answer = try? Self.read(from: &reader) else { return nil }
        self = answer
    }

    private static func read(from reader: inout RecordReader) throws(LedgerEntryFault) -> StoredAnswer {
        let version = try reader.byte()
        guard version == Self.version else { throw .unknownVersion(version) }
        let isStreamed = try reader.flag()
        guard let dialect = Dialect(rawValue: try reader.byte()) else { throw .malformed }
        var answer = StoredAnswer(isStreamed: isStreamed, dialect: dialect, model: try reader.text(), provider: try reader.text())
        answer.usage = TokenUsage(
            input: try reader.number(), cacheRead: try reader.number(), cacheWrite: try reader.number(), output: try reader.number(),
            reasoning: try reader.number())
        for _ in 0..<(try reader.count()) {
            let choice = Int(clamping: try reader.number())
            guard let reason = FinishReason(rawValue: try reader.byte()) else { throw .malformed }
            answer.finishes.append(AnswerFinish(choice: choice, reason: reason, providerReason: try reader.text()))
        }
        var lengths: [Int] = []
        for _ in 0..<(try reader.count()) { lengths.append(Int(clamping: try reader.number())) }
        for length in lengths { answer.append(ByteBuffer(bytes: try reader.bytes(length))) }
        guard reader.isAtEnd else { throw .tooLong }
        return answer
    }
}
