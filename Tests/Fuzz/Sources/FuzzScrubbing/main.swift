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

func streamScrubbed(_ chunks: some Sequence<ArraySlice<UInt8>>) -> [UInt8] {
    var scrubber = StreamScrubber(policy: ScrubPolicy())
    var output: [UInt8] = []
    for chunk in chunks { _ = chunk.withUnsafeBytes { scrubber.feed($0, into: &output) } }
    _ = scrubber.finish(into: &output)
    return output
}

let policy = reversiblePolicy()

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
    precondition(streamScrubbed(Chunks(text, seed: seed)) == streamScrubbed([text[...]]), "a chunking changed what was scrubbed")
}
