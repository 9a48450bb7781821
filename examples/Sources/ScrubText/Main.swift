import Scrubbing

/// The engine alone, without a gateway: scrubs a text, shows what a model would see, and restores the model's answer.
@main
struct ScrubText {
    static func main() throws {
        let text = CommandLine.arguments.dropFirst().first ?? "Ask ana@example.com about EMP-1234 and card 4111 1111 1111 1111."

        var policy = ScrubPolicy()
        try policy.setCustomPatterns([CustomPattern(name: "EMPLOYEE", pattern: #"\bEMP-\d{4}\b"#)])
        try policy.setAction(.mask(keepLast: 4), for: .card)

        var scrubber = RequestScrubber(policy: policy)
        var scrubbed: [UInt8] = []
        switch Array(text.utf8).withUnsafeBytes({ scrubber.scrub($0, into: &scrubbed) }) {
        case .unchanged: scrubbed = Array(text.utf8)
        case .changed: break
        case .blocked(let kinds): return print("blocked:", kinds.map { policy.name(of: $0) })
        }
        print("scrubbed:", String(decoding: scrubbed, as: UTF8.self))
        for (kind, count) in scrubber.counts { print("  \(policy.name(of: kind)): \(count)") }

        // What a model says in pieces: its placeholders come back as values, wherever they are cut.
        var restorer = Restorer(map: scrubber.placeholders)
        var answer: [UInt8] = []
        for piece in ["I will write to <EMA", "IL_1> and call <EMPLOYEE_1", ">."] {
            Array(piece.utf8).withUnsafeBytes { restorer.restore($0, into: &answer) }
        }
        restorer.finish(into: &answer)
        print("restored:", String(decoding: answer, as: UTF8.self))
    }
}
