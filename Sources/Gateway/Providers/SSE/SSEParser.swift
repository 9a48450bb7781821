package import NIOCore

/// One server-sent event.
package struct SSEEvent: Equatable, Sendable {
    /// The `event` field's value; empty where the event has none.
    package var name: ByteBuffer
    /// The `data` fields' values, joined by line feeds. A slice of what was received when there is one field; it keeps the whole receive
    /// buffer alive for as long as it is kept.
    package var data: ByteBuffer

    package init(name: ByteBuffer, data: ByteBuffer) {
        self.name = name
        self.data = data
    }
}

/// Why a stream is not one of server-sent events. Nothing after the fault is read.
package enum SSEFault: Error, Equatable, Sendable {
    /// An event, or one line, is larger than the limit.
    case eventTooLarge
    /// A field holds a control character other than a tab. The standard allows it; JSON and header values do not, and what a provider
    /// hides behind one is not passed on.
    case controlCharacter
}

/// Parses a `text/event-stream` (HTML standard, section 9.2.6) from pieces of any size: `append` what came, then take events until there
/// are none.
///
/// Lines end with LF, CR or CRLF; a byte order mark at the start is skipped; comments, `id`, `retry` and unknown fields are ignored; an
/// event without `data` is none; an event that the stream's end cuts off is dropped (`isMidEvent` tells). That the data is valid UTF-8 is
/// for whoever reads it to check.
package struct SSEParser: Sendable {
    private static let maxReadBytes = 64 << 10

    private let maxEventBytes: Int
    /// What is not consumed yet.
    private var buffer = ByteBuffer()
    /// Bytes at the buffer's start that are known to hold no line's end.
    private var scannedBytes = 0
    private var isAtStart = true
    /// The line before ended with CR; a LF that follows belongs to it.
    private var skipsLineFeed = false
    private var name = ByteBuffer()
    private var data: ByteBuffer?
    private var fault: SSEFault?

    /// - Parameter maxEventBytes: limit for an event's data and name together and for any single line, comments included.
    package init(maxEventBytes: Int = 1024 * 1024) {
        self.maxEventBytes = maxEventBytes
    }

    /// Whether a part of an event or line has been read whose end has not come.
    package var isMidEvent: Bool {
        data != nil || name.readableBytes > 0 || buffer.readableBytes > 0
    }

    package mutating func append(_ bytes: ByteBuffer) {
        guard fault == nil else { return }
        if buffer.readableBytes == 0 {
            buffer = bytes
        } else {
            // What was read would stay in front as long as no piece ends with an event.
            if buffer.readerIndex >= Self.maxReadBytes { buffer.discardReadBytes() }
            buffer.writeImmutableBuffer(bytes)
        }
    }

    /// The next whole event, or `nil` when more bytes are needed. Once it has thrown it throws the same again.
    package mutating func nextEvent() throws(SSEFault) -> SSEEvent? {
        if let fault { throw fault }
        do {
            guard try skipByteOrderMark() else { return nil }
            while let line = try nextLine() {
                if line.readableBytes == 0 {
                    if let event = finishEvent() { return event }
                } else {
                    try take(line)
                }
            }
            return nil
        } catch {
            fault = error
            buffer = ByteBuffer()
            data = nil
            throw error
        }
    }

    /// Returns `false` while too little has come to tell.
    private mutating func skipByteOrderMark() throws(SSEFault) -> Bool {
        guard isAtStart else { return true }
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        let start = buffer.readableBytesView.prefix(mark.count)
        guard start.elementsEqual(mark.prefix(start.count)) else {
            isAtStart = false
            return true
        }
        guard start.count == mark.count else { return false }
        buffer.moveReaderIndex(forwardBy: mark.count)
        isAtStart = false
        return true
    }

    /// Takes the next line without its end off the buffer.
    private mutating func nextLine() throws(SSEFault) -> ByteBuffer? {
        if skipsLineFeed, let byte = buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) {
            skipsLineFeed = false
            if byte == UInt8(ascii: "\n") {
                buffer.moveReaderIndex(forwardBy: 1)
            }
        }
        let found = buffer.readableBytesView.withUnsafeBytes { LineScan(bytes: $0, from: scannedBytes) }
        if let position = found.controlCharacter {
            // The limit comes first where the line passes it first, so that the same stream always has the same fault.
            throw position > maxEventBytes ? .eventTooLarge : .controlCharacter
        }
        guard let length = found.lineEnd else {
            scannedBytes = buffer.readableBytes
            if scannedBytes > maxEventBytes { throw .eventTooLarge }
            if scannedBytes == 0 {
                // Lets the receive buffer go.
                buffer = ByteBuffer()
            }
            return nil
        }
        scannedBytes = 0
        if length > maxEventBytes { throw .eventTooLarge }
        guard let line = buffer.readSlice(length: length), let end = buffer.readInteger(as: UInt8.self) else { return nil }
        skipsLineFeed = end == UInt8(ascii: "\r")
        return line
    }

    private mutating func take(_ line: ByteBuffer) throws(SSEFault) {
        var value = line
        if value.removePrefix("data") {
            guard value.dropColon() else { return }
            if data == nil {
                data = value
            } else {
                data?.writeStaticString("\n")
                data?.writeImmutableBuffer(value)
            }
        } else if value.removePrefix("event") {
            guard value.dropColon() else { return }
            name = value
        }
        if (data?.readableBytes ?? 0) + name.readableBytes > maxEventBytes { throw .eventTooLarge }
    }

    private mutating func finishEvent() -> SSEEvent? {
        defer {
            name = ByteBuffer()
            data = nil
        }
        return data.map { SSEEvent(name: name, data: $0) }
    }
}

extension ByteBuffer {
    /// Skips the bytes if they come next.
    fileprivate mutating func removePrefix(_ prefix: StaticString) -> Bool {
        let matches = withUnsafeReadableBytes { bytes in
            bytes.starts(with: UnsafeRawBufferPointer(start: prefix.utf8Start, count: prefix.utf8CodeUnitCount))
        }
        if matches {
            moveReaderIndex(forwardBy: prefix.utf8CodeUnitCount)
        }
        return matches
    }

    /// Skips what separates a field's name from its value. `false`: the name goes on, so it is another field's.
    fileprivate mutating func dropColon() -> Bool {
        guard let byte = readInteger(as: UInt8.self) else { return true }
        guard byte == UInt8(ascii: ":") else { return false }
        if getInteger(at: readerIndex, as: UInt8.self) == UInt8(ascii: " ") {
            moveReaderIndex(forwardBy: 1)
        }
        return true
    }
}
