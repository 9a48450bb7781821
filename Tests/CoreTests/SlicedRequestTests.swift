import Foundation
import GatewayCore
import NIOCore
import Scrubbing
import Testing

@Suite("reading and scrubbing large requests in slices")
struct SlicedRequestTests {
    private struct Result: Equatable {
        var body = ""
        var counts = EntityCounts()
        var skippedMedia = 0
        var fault: Fault?
    }

    /// - Parameter slices: how many it took; nil: at once.
    private func scrub(_ json: String, _ policy: ScrubPolicy, slices: UnsafeMutablePointer<Int>? = nil) throws -> Result {
        var workspace = RequestWorkspace()
        var scrubber = RequestScrubber(policy: policy)
        let body = ByteBuffer(string: json)
        _ = try workspace.read(body)
        var result = Result()
        do throws(Fault) {
            if let slices {
                while try !workspace.scrubSlice(body, with: &scrubber) { slices.pointee += 1 }
            } else {
                try workspace.scrub(body, with: &scrubber)
            }
            result.body = String(buffer: workspace.render(body, as: .openAI, upstreamModel: "m", asksForUsage: false))
        } catch {
            result.fault = error
        }
        (result.counts, result.skippedMedia) = (scrubber.counts, workspace.skippedMedia)
        return result
    }

    private static func message(_ content: String) -> String { #"{"model":"m","messages":[{"role":"user","content":\#(content)}]}"# }

    private static func quoted(_ text: String) throws -> String {
        String(decoding: try JSONEncoder().encode(text), as: UTF8.self)
    }

    private static let filler = String(repeating: "mail ana@example.com or \"bo@example.org\"\n", count: 5_000)

    /// Long texts of every form that a leaf may have.
    private static let bodies: [String] = {
        let base64 = Data(filler.utf8).base64EncodedString()
        let percent = filler.replacing("@", with: "%40").replacing("\n", with: "%0A").replacing("\"", with: "'")
        let image = Data((0..<150_000).map { UInt8(truncatingIfNeeded: $0 &* $0 &* 37) }).base64EncodedString()
        guard let text = try? quoted(filler), let nested = try? quoted(#"{"a\u0062":"\u0061na@example.com","list":[\#(text),\#(text),1]}"#)
        else { return [] }
        return [
            message(text), message("\"" + filler.replacing("\n", with: " ").replacing("\"", with: "'") + "\""), message(nested),
            message("\"data:text/plain;base64,\(base64)\""), message("\"data:text/plain,\(percent)\""),
            message(#"[{"type":"image_url","image_url":{"url":"data:image/png;base64,\#(image)"}}]"#),
            message(#"[{"type":"file","file":{"file_data":"\#(base64)"}}]"#),
            message(#"[{"type":"file","file":{"file_data":"\#(image)"}}]"#),
            #"{"model":"m","messages":[{"role":"user","content":"Hi"}],"metadata":{\#(text):"x"}}"#,
            #"{"model":"m","messages":[{"role":"user","content":"Hi"}],"x":0.41\#(String(repeating: "1", count: 90_000))}"#,
            #"{"model":"m","messages":[{"role":"user","content":"Hi"}],"x":4111111111111111.\#(String(repeating: "0", count: 90_000))}"#,
            #"{"model":"m","x":["c@example.com"],"messages":[{"role":"user","content":\#(text)},{"role":"user","a":"b@example.com"}],"tools":["#
                + [String](repeating: #"{"d":"a@example.com","k":12345678,"f":"4111 1111 1111 1111"}"#, count: 4_000)
                .joined(separator: ",") + "]}",
        ]
    }()

    @Test("every form of text becomes in slices what it becomes at once, under every rule for keys and kinds")
    func same() throws {
        var blocking = ScrubPolicy()
        try blocking.setAction(.block, for: .email)
        var counting = ScrubPolicy()
        counting.keys = .logOnly
        counting.foldsLookalikes = true
        #expect(Self.bodies.count == 12)
        for body in Self.bodies {
            for policy in [ScrubPolicy(), counting, blocking] {
                var slices = 0
                let sliced = try scrub(body, policy, slices: &slices)
                #expect(try sliced == scrub(body, policy), "\(body.prefix(120))")
                #expect(slices > 0 || sliced.fault != nil)
            }
        }
        let changed = try Self.bodies.map { try scrub($0, counting).body != $0 }
        #expect(changed == [true, true, true, true, true, false, true, false, false, false, true, true])
    }

    @Test("a workspace that was left in the middle of a body is ready for the next")
    func leaves() throws {
        var workspace = RequestWorkspace()
        var scrubber = RequestScrubber(policy: ScrubPolicy())
        let long = ByteBuffer(string: Self.bodies[0])
        _ = try workspace.read(long)
        for _ in 0..<2 { #expect(try !workspace.scrubSlice(long, with: &scrubber)) }
        scrubber.reset()
        let short = ByteBuffer(string: Self.message(#""to ana@example.com""#))
        _ = try workspace.read(short)
        #expect(try workspace.scrubSlice(short, with: &scrubber))
        let rendered = workspace.render(short, as: .openAI, upstreamModel: "m", asksForUsage: false)
        #expect(String(buffer: rendered) == Self.message(#""to <EMAIL_1>""#))
    }
}
