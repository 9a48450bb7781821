// The scrubber and the restorer, on any bytes: what reversible placeholders replace comes back, and no chunking changes a result.
//
// Input: a seed for the lengths of the chunks, then the text.
import FuzzDriver
import Scrubbing

/// Every kind that may be reversible is; secrets are left alone, since nothing brings them back.
func reversiblePolicy() -> ScrubPolicy {
    var policy = ScrubPolicy()
    for kind in EntityKind.builtIn where kind.isSecret {
        guard (try? policy.setAction(.ignore, for: kind)) != nil else { preconditionFailure("secrets may be ignored") }
    }
    return policy
}

func scrubbed(_ text: [UInt8], by scrubber: inout RequestScrubber) -> [UInt8] {
    var output: [UInt8] = []
    switch text.withUnsafeBytes({ scrubber.scrub($0, into: &output) }) {
    case .unchanged: return text
    case .changed: return output
    case .blocked: preconditionFailure("this policy blocks nothing")
    }
}

func restored(_ chunks: some Sequence<ArraySlice<UInt8>>, _ map: PlaceholderMap, _ scope: RestoreScope) -> [UInt8] {
    var restorer = Restorer(map: map, scope: scope)
    var output: [UInt8] = []
    for chunk in chunks { chunk.withUnsafeBytes { restorer.restore($0, into: &output) } }
    restorer.finish(into: &output)
    return output
}

func streamScrubbed(_ chunks: some Sequence<ArraySlice<UInt8>>, _ policy: ScrubPolicy) -> [UInt8] {
    var scrubber = StreamScrubber(policy: policy)
    var output: [UInt8] = []
    for chunk in chunks { _ = chunk.withUnsafeBytes { scrubber.feed($0, into: &output) } }
    _ = scrubber.finish(into: &output)
    return output
}

/// In slices, which a short text has one of: long ones are made of copies of it.
func sliceScrubbed(_ text: [UInt8], by scrubber: inout RequestScrubber) -> [UInt8] {
    var output: [UInt8] = []
    var progress = ScanProgress()
    while true {
        switch text.withUnsafeBytes({ scrubber.scrubSlice($0, &progress, into: &output) }) {
        case nil: continue
        case .unchanged: return text
        case .changed: return output
        case .blocked: preconditionFailure("this policy blocks nothing")
        }
    }
}

/// Copies of `text` around the end of a slice, so that the end falls into one of them at a place that the seed tells.
func aroundSliceEnd(_ text: [UInt8], seed: UInt8) -> [UInt8] {
    let before = ScanProgress.slice - text.count * Int(seed) / 256
    return [UInt8](repeating: UInt8(ascii: "\n"), count: max(0, before)) + text + text
}

func redactingPolicy() -> ScrubPolicy {
    guard let policy = try? ScrubPolicy(everyKind: .redact) else { preconditionFailure("every kind may be redacted") }
    return policy
}

/// Custom patterns, and tricks with Unicode undone.
func foldingPolicy() -> ScrubPolicy {
    var policy = redactingPolicy()
    policy.foldsLookalikes = true
    let patterns = [
        CustomPattern(name: "RUN", pattern: #"[a-d]{3,200}x"#, action: .redact),
        CustomPattern(name: "PAIR", pattern: #"q.{1,40}k"#, action: .redact),
    ]
    guard (try? policy.setCustomPatterns(patterns)) != nil else { preconditionFailure("these patterns are in the dialect") }
    return policy
}

let policy = reversiblePolicy()
let redacting = redactingPolicy()
let folding = foldingPolicy()

fuzz { bytes in
    var input = Input(bytes)
    let seed = input.byte()
    let text = Array(input.rest)

    var scrubber = RequestScrubber(policy: policy)
    let toProvider = scrubbed(text, by: &scrubber)
    precondition(restored([toProvider[...]], scrubber.placeholders, .everywhere) == text, "restoring did not bring the text back")
    for scope in [RestoreScope.everywhere, .prose] {
        let whole = restored([toProvider[...]], scrubber.placeholders, scope)
        let inChunks = restored(Chunks(toProvider, seed: seed), scrubber.placeholders, scope)
        precondition(inChunks == whole, "a chunking changed what was restored")
    }

    var redactor = RequestScrubber(policy: redacting)
    let whole = scrubbed(text, by: &redactor)
    precondition(streamScrubbed([text[...]], redacting) == whole, "a stream of one chunk is not the whole text")
    precondition(streamScrubbed(Chunks(text, seed: seed), redacting) == whole, "a chunking changed what was scrubbed")
    precondition(streamScrubbed((0..<text.count).map { text[$0..<$0 + 1] }, redacting) == whole, "single bytes changed what was scrubbed")

    if seed % 4 == 1 {
        var folder = RequestScrubber(policy: folding)
        precondition(streamScrubbed(Chunks(text, seed: seed), folding) == scrubbed(text, by: &folder), "a chunking changed what was folded")
    }

    // Of two values that are glued into one word, the second may show only when the first is gone: what a second look finds is replaced
    // by the next, and each look leaves fewer bytes that are not ours.
    var current = whole
    for _ in 0..<8 {
        let next = scrubbed(current, by: &redactor)
        if next == current { break }
        current = next
    }
    precondition(scrubbed(current, by: &redactor) == current, "looking again does not come to an end")

    if seed % 16 == 0, !text.isEmpty {
        let long = aroundSliceEnd(text, seed: seed)
        precondition(sliceScrubbed(long, by: &redactor) == scrubbed(long, by: &redactor), "slices changed what was scrubbed")
        var folder = RequestScrubber(policy: folding)
        precondition(sliceScrubbed(long, by: &folder) == scrubbed(long, by: &folder), "slices changed what was folded and scrubbed")
    }
}
