import Foundation
import GatewayCore
import NIOCore
import SeededRandomness
import Testing

@Suite("Trace context and spans")
struct TraceTests {
    private static let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    @Test("a traceparent is read and written")
    func roundTrip() throws {
        let context = try #require(TraceContext(Self.text))
        #expect(context.trace.text == "0af7651916cd43dd8448eb211c80319c" && context.span == 0xb7ad_6b71_6920_3331 && context.isSampled)
        #expect(context.header == Self.text)
        #expect(TraceContext("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")?.isSampled == false)
        #expect(TraceContext("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03")?.isSampled == true)
    }

    @Test("of later versions what is known is read")
    func laterVersions() {
        let rest = Self.text.dropFirst(2)
        #expect(TraceContext("cc\(rest)")?.header == Self.text)
        #expect(TraceContext("cc\(rest)-what-comes")?.header == Self.text)
        #expect(TraceContext("cc\(rest)what-comes") == nil)
    }

    @Test(
        "what is none is none",
        arguments: [
            "", "00", text + "-", text + "-00", String(text.dropLast()), text.uppercased(), "ff" + text.dropFirst(2),
            "0g" + text.dropFirst(2), text.replacing("-", with: "_"), "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", " " + text, text.replacing("af", with: "é"),
        ])
    func invalid(text: String) {
        #expect(TraceContext(text) == nil)
    }

    @Test("a tracestate is visible ASCII, of 512 bytes at most")
    func state() {
        #expect(TraceContext.isState("a=1,b=2") && TraceContext.isState(String(repeating: "a", count: 512)))
        #expect(!TraceContext.isState("") && !TraceContext.isState("a=\r\nb") && !TraceContext.isState(String(repeating: "a", count: 513)))
    }

    @Test("the caller's word on sampling holds; else the ratio does")
    func sampling() throws {
        var random = SeededRandom(seed: 7)
        let sampled = try #require(TraceContext(Self.text))
        var unsampled = sampled
        unsampled.isSampled = false
        let never = TraceSampling(ratio: 0)
        let child = try #require(never.context(behind: sampled, random: &random))
        #expect(child.trace == sampled.trace && child.span != sampled.span && child.span != 0)
        #expect(TraceSampling(ratio: 1).context(behind: unsampled, random: &random) == nil)
        #expect(never.context(behind: nil, random: &random) == nil)
        #expect(TraceSampling(ratio: 1).context(behind: nil, random: &random)?.isSampled == true)
        let quarter = TraceSampling(ratio: 0.25)
        let kept = (0..<10_000).count { _ in quarter.context(behind: nil, random: &random) != nil }
        #expect((2_200..<2_800).contains(kept))
    }

    @Test("spans are written in OTLP's JSON form")
    func export() throws {
        let context = try #require(TraceContext(Self.text))
        let span = Span(
            context: context, parent: 15, state: "a=1", name: "chat \"x\"", kind: .server, start: 1_796_040_000_000_000_001,
            end: 1_796_040_000_000_000_009,
            attributes: [Span.Attribute("n", .integer(.max)), Span.Attribute("t", .text("é")), Span.Attribute("d", .number(0.5))],
            error: "upstream_error")
        let body = SpanExport.body([span], of: [Span.Attribute("service.name", .text("s"))], scopeVersion: "1")
        let json = try #require(try JSONSerialization.jsonObject(with: Data(body.readableBytesView)) as? [String: Any])
        let resource = try #require((json["resourceSpans"] as? [[String: Any]])?.first)
        let scope = try #require((resource["scopeSpans"] as? [[String: Any]])?.first)
        let told = try #require((scope["spans"] as? [[String: Any]])?.first)
        #expect(told["traceId"] as? String == "0af7651916cd43dd8448eb211c80319c" && told["spanId"] as? String == "b7ad6b7169203331")
        #expect(told["parentSpanId"] as? String == "000000000000000f" && told["traceState"] as? String == "a=1")
        #expect(told["kind"] as? Int == 2 && told["startTimeUnixNano"] as? String == "1796040000000000001")
        #expect((told["status"] as? [String: Int])?["code"] == 2)
        let attributes = try #require(told["attributes"] as? [[String: Any]])
        #expect(attributes.compactMap { $0["key"] as? String } == ["n", "t", "d", "error.type"])
        #expect((attributes[0]["value"] as? [String: String])?["intValue"] == "9223372036854775807")
    }

    @Test(
        "a collector's word on spans that it refused is read, and nothing else is taken for one",
        arguments: [
            (#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}}"#, 3), (#"{"partialSuccess":{"rejectedSpans":12}}"#, 12),
            (#"{"partialSuccess":{}}"#, 0), ("{}", 0), ("", 0), ("<html>", 0), (#"{"partialSuccess":{"rejectedSpans":"-4"}}"#, 0),
            (#"{"partialSuccess":{"rejectedSpans":"many"}}"#, 0),
        ])
    func partial(answer: String, rejected: Int) {
        #expect(SpanExport.rejectedSpans(in: ByteBuffer(string: answer)) == rejected)
    }
}
