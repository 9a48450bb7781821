// Prints the findings in standard input, one JSON object a line: {"start":4,"end":19,"kind":"EMAIL","score":0.95}, in bytes.
//
// usage: scrub-findings [--opt-in]
//
// For Scripts/ground-truth. Every kind is looked for, with --opt-in the opt-in ones too.
import Scrubbing

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

let kinds = CommandLine.arguments.contains("--opt-in") ? EntityKind.builtIn : EntityKind.standard

var text: [UInt8] = []
var chunk = [UInt8](repeating: 0, count: 1 << 16)
while true {
    let count = read(0, &chunk, chunk.count)
    guard count > 0 else { break }
    text += chunk[..<count]
}

var scanner = Scanner(kinds: EntityKindSet(kinds))
var findings: [Finding] = []
text.withUnsafeBytes { scanner.scan($0, into: &findings) }
var output = ""
for finding in findings {
    output +=
        "{\"start\":\(finding.range.lowerBound),\"end\":\(finding.range.upperBound),\"kind\":\"\(finding.kind.name)\",\"score\":\(finding.score)}\n"
}
print(output, terminator: "")
