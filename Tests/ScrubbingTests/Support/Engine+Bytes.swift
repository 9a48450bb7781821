import Scrubbing

extension Scanner {
    mutating func findings(in bytes: [UInt8]) -> [Finding] {
        var findings: [Finding] = []
        bytes.withUnsafeBytes { scan($0, into: &findings) }
        return findings
    }

    /// `KIND:value` of every finding.
    mutating func values(in text: String) -> [String] {
        let bytes = Array(text.utf8)
        return findings(in: bytes).map { "\($0.kind.name):\(String(decoding: bytes[$0.range], as: UTF8.self))" }
    }
}

extension RequestScrubber {
    /// The text as it would go on.
    mutating func scrubbed(_ bytes: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        switch bytes.withUnsafeBytes({ scrub($0, into: &output) }) {
        case .unchanged: return bytes
        case .changed: return output
        case .blocked: return []
        }
    }

    mutating func scrubbed(_ text: String) -> String {
        String(decoding: scrubbed(Array(text.utf8)), as: UTF8.self)
    }
}

extension Restorer {
    mutating func restored(_ chunks: some Sequence<some Sequence<UInt8>>) -> [UInt8] {
        var output: [UInt8] = []
        for chunk in chunks { Array(chunk).withUnsafeBytes { restore($0, into: &output) } }
        finish(into: &output)
        return output
    }

    mutating func restored(_ text: String) -> String {
        String(decoding: restored([Array(text.utf8)]), as: UTF8.self)
    }
}

extension StreamScrubber {
    mutating func scrubbed(_ chunks: some Sequence<some Sequence<UInt8>>) -> [UInt8] {
        var output: [UInt8] = []
        for chunk in chunks { _ = Array(chunk).withUnsafeBytes { feed($0, into: &output) } }
        _ = finish(into: &output)
        return output
    }
}
