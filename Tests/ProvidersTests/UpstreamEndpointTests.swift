import NIOCore
import Providers
import Testing

@Suite("Upstream endpoints and header fields")
struct UpstreamEndpointTests {
    @Test("a base URL is taken apart")
    func parsing() throws {
        let plain = try UpstreamEndpoint(baseURL: "http://Example.COM/base/v1//")
        #expect(plain.host == "example.com")
        #expect(plain.port == 80)
        #expect(plain.basePath == "/base/v1")
        #expect(plain.authority == "example.com")
        #expect(!plain.isTLS)

        let tls = try UpstreamEndpoint(baseURL: "HTTPS://api.example.com:8443", tls: try UpstreamTLS())
        #expect(tls.port == 8443)
        #expect(tls.basePath == "")
        #expect(tls.authority == "api.example.com:8443")
        #expect(tls.isTLS)

        let address = try UpstreamEndpoint(baseURL: "http://[::1]:8080/")
        #expect(address.host == "::1")
        #expect(address.authority == "[::1]:8080")
    }

    @Test(
        "an unusable base URL is refused with a reason",
        arguments: [
            "", "example.com", "ftp://example.com", "http://", "http:///path", "http://user:secret@example.com", "http://example.com:0",
            "http://example.com:65536", "http://example.com:+80", "http://example.com:", "http://example.com?x=1", "http://example.com/#f",
            "http://exa mple.com", "http://example.com/\r\nx: y", "http://[::1", "http://exämple.com", "http://[::1]x",
        ])
    func refused(url: String) {
        let error = #expect(throws: UpstreamEndpointError.self) { try UpstreamEndpoint(baseURL: url) }
        #expect(error?.reason.contains("secret") == false)
    }

    @Test("https needs a TLS context")
    func httpsNeedsTLS() {
        #expect(throws: UpstreamEndpointError.self) { try UpstreamEndpoint(baseURL: "https://example.com") }
    }

    @Test("endpoints are equal by what they say")
    func equality() throws {
        let one = try UpstreamEndpoint(baseURL: "http://example.com/v1")
        let same = try UpstreamEndpoint(baseURL: "http://example.com:80/v1/")
        let other = try UpstreamEndpoint(baseURL: "http://example.com/v1", timeouts: UpstreamTimeouts(connect: .seconds(1)))
        #expect(one == same)
        #expect(one.hashValue == same.hashValue)
        #expect(one != other)
    }

    @Test(
        "header fields that would break the framing are refused, and the value is not repeated",
        arguments: [
            ("x-a", "hunter2\r\nx-b: 1"), ("x-a", "hunter2\nx"), ("x-a", "hunter2\u{0}"), ("x-a", "hunter2\u{7F}"), ("x a", "hunter2"),
            ("", "hunter2"), ("x-a\r\n", "hunter2"), ("x:a", "hunter2"), ("Host", "hunter2"), ("content-length", "7"),
            ("Transfer-Encoding", "chunked"), ("connection", "close"),
        ])
    func headerInjection(name: String, value: String) {
        var headers = UpstreamHeaders()
        let error = #expect(throws: UpstreamHeaderError.self) { try headers.add(name, value) }
        #expect(error?.reason.contains("hunter2") == false)
    }

    @Test("bytes that no request line may hold are percent-encoded")
    func pathEncoding() async throws {
        try await PoolRig.run { rig in
            let server = try await rig.server([[answer("1")]])
            let request = UpstreamRequest(endpoint: try server.endpoint(), method: .get, path: "/v1/models/a b\r\nx: é")
            #expect(try await rig.call(request).body == "1")
            #expect(
                try await server.requests == [
                    "GET /v1/models/a%20b%0D%0Ax:%20%C3%A9 HTTP/1.1\r\nhost: 127.0.0.1:\(server.port)\r\n\r\n"
                ])
        }
    }
}
