import NIOCore
import Testing

@testable import Providers

@Suite("Header fields for a provider")
struct UpstreamHeaderTests {
    @Test("printed or dumped they show no value")
    func redacted() throws {
        var headers = UpstreamHeaders()
        try headers.add("authorization", "Bearer provider-key-e1c7a90b")
        var text = "\(headers) \(String(reflecting: headers))"
        dump(["headers": headers], to: &text)
        #expect(text.contains("redacted") && !text.contains("provider-key") && !text.contains("e1c7"))
        // What is written is all there.
        #expect(String(buffer: headers.wireForm) == "authorization: Bearer provider-key-e1c7a90b\r\n")
    }
}
