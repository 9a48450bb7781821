/// What a client finds in the bytes of an HTTP/1.1 connection.
struct Responses {
    /// Of answers that are final.
    var statuses: [Int] = []
    /// Whether the connection has become a WebSocket.
    var isUpgraded = false

    /// The same, however much of a line was there when it was found to be no HTTP: what is wrong with it, a method or a version or its length, is told by
    /// that.
    var outcome: [Int] { statuses.map { [414, 431, 501, 505].contains($0) ? 400 : $0 } + (isUpgraded ? [101] : []) }

    /// Traps where the bytes are no whole answers.
    init(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty, !isUpgraded { read(&rest) }
    }

    private mutating func read(_ rest: inout ArraySlice<UInt8>) {
        let head = Self.takeHead(&rest)
        let status = head[0].split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        precondition((100..<600).contains(status) && status != 500, "an answer says \(head[0])")
        isUpgraded = status == 101
        guard status >= 200 else { return }
        statuses.append(status)
        let headers = head.dropFirst().map { $0.lowercased() }
        func value(_ name: String) -> String? { headers.first { $0.hasPrefix("\(name): ") }.map { String($0.dropFirst(name.count + 2)) } }
        precondition(value("x-request-id") != nil || value("request-id") != nil, "an answer has no request's id")
        if let length = value("content-length").flatMap({ Int($0) }) {
            // HEAD has the length, and nothing behind it.
            let body = rest.prefix(length)
            if body.starts(with: "HTTP/".utf8) || body.isEmpty { return }
            precondition(body.count == length, "an answer is cut")
            rest = rest.dropFirst(length)
        } else if value("transfer-encoding") == "chunked" {
            Self.skipChunks(&rest)
        } else if status != 204 {
            rest = []
        }
    }

    private static func takeHead(_ rest: inout ArraySlice<UInt8>) -> [String] {
        guard let end = rest.firstRange(of: Array("\r\n\r\n".utf8)) else { preconditionFailure("an answer's head is cut") }
        let lines = rest[..<end.lowerBound].split(separator: 0x0A).map { line in
            precondition(!line.dropLast().contains(0x0D), "a header has a carriage return in it")
            return String(decoding: line.filter { $0 != 0x0D }, as: UTF8.self)
        }
        rest = rest[end.upperBound...]
        return lines
    }

    private static func skipChunks(_ rest: inout ArraySlice<UInt8>) {
        // To HEAD no chunk comes.
        if rest.isEmpty || rest.starts(with: "HTTP/".utf8) { return }
        while let line = rest.firstRange(of: [0x0D, 0x0A]) {
            guard let size = Int(String(decoding: rest[..<line.lowerBound], as: UTF8.self), radix: 16) else {
                preconditionFailure("a chunk has no size")
            }
            guard size == 0 else {
                rest = rest[line.upperBound...].dropFirst(size + 2)
                continue
            }
            guard let end = rest.firstRange(of: Array("\r\n\r\n".utf8)) else { preconditionFailure("trailers are cut") }
            rest = rest[end.upperBound...]
            return
        }
        preconditionFailure("chunks are cut")
    }
}
