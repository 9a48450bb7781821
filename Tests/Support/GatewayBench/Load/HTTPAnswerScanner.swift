import NIOCore

/// Finds the end of an answer: by Content-Length, or by the last chunk.
struct HTTPAnswerScanner {
    enum Verdict: Equatable {
        case more
        /// - Parameter closes: the server closes the connection behind it.
        case whole(status: Int, closes: Bool)
        case unreadable
    }

    private enum State {
        case head
        case body(left: Int)
        case chunkSize
        case chunk(left: Int)
        case trailer
    }

    private var state = State.head
    private var status = 0
    private var closes = false
    private var input = ByteBuffer()

    mutating func take(_ bytes: ByteBuffer) -> Verdict {
        if input.readableBytes == 0 {
            input = bytes
        } else {
            input.writeImmutableBuffer(bytes)
        }
        while true {
            switch state {
            case .head:
                guard let end = input.readableBytesView.firstRange(of: Array("\r\n\r\n".utf8)) else { return .more }
                let head = String(decoding: input.readableBytesView[..<end.lowerBound], as: UTF8.self)
                input.moveReaderIndex(to: end.upperBound)
                guard readHead(head) else { return .unreadable }
            case .body(let left):
                let count = min(left, input.readableBytes)
                input.moveReaderIndex(forwardBy: count)
                state = .body(left: left - count)
                if left > count { return .more }
                return finish()
            case .chunkSize:
                guard let line = readLine() else { return .more }
                guard let size = Int(line, radix: 16), size >= 0 else { return .unreadable }
                // A chunk's line end belongs to it.
                state = size == 0 ? .trailer : .chunk(left: size + 2)
            case .chunk(let left):
                let count = min(left, input.readableBytes)
                input.moveReaderIndex(forwardBy: count)
                state = .chunk(left: left - count)
                if left > count { return .more }
                state = .chunkSize
            case .trailer:
                guard let line = readLine() else { return .more }
                if line.isEmpty { return finish() }
            }
        }
    }

    private mutating func finish() -> Verdict {
        state = .head
        return .whole(status: status, closes: closes)
    }

    private mutating func readLine() -> String? {
        guard let end = input.readableBytesView.firstRange(of: Array("\r\n".utf8)) else { return nil }
        let line = String(decoding: input.readableBytesView[..<end.lowerBound], as: UTF8.self)
        input.moveReaderIndex(to: end.upperBound)
        return line
    }

    private mutating func readHead(_ head: String) -> Bool {
        let lines = head.split(separator: "\r\n")
        guard let code = lines.first?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else { return false }
        status = code
        closes = false
        var body: State?
        for line in lines.dropFirst() {
            // Names of fields of interest begin with c or t: the rest is not made lower case, which would cost more than all else.
            guard let first = line.utf8.first, first | 0x20 == UInt8(ascii: "c") || first | 0x20 == UInt8(ascii: "t") else { continue }
            let parts = line.split(separator: ":", maxSplits: 1).map { $0.lowercased() }
            guard parts.count == 2 else { continue }
            let value = String(parts[1].drop { $0 == " " })
            switch parts[0] {
            case "content-length": if let length = Int(value), length >= 0 { body = .body(left: length) }
            case "transfer-encoding": if value == "chunked" { body = .chunkSize }
            case "connection": closes = value == "close"
            default: break
            }
        }
        guard let body else { return false }
        state = body
        return true
    }
}
