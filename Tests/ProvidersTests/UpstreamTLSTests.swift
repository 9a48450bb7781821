import NIOCore
import Providers
import Testing

/// A context that trusts the test root alone.
func trustingTLS() throws -> UpstreamTLS {
    try UpstreamTLS(trustRoots: Array(TestCertificates.root.utf8))
}

@Suite("Upstream pool: TLS", .timeLimit(.minutes(4)))
struct UpstreamTLSTests {
    @Test("a trusted certificate with the right name is accepted, and the connection kept")
    func rightName() async throws {
        try await PoolRig.run { rig in
            let server = try await rig.server([[answer("1")], [answer("2")]], certificate: TestCertificates.localhost)
            let endpoint = try server.endpoint(host: "localhost", tls: try trustingTLS())
            #expect(try await rig.call(request(endpoint)).body == "1")
            #expect(try await rig.call(request(endpoint)).body == "2")
            #expect(try await server.acceptedConnections == 1)
        }
    }

    @Test("a certificate for another name is refused before the request is sent", arguments: ["localhost", "127.0.0.1"])
    func wrongName(host: String) async throws {
        try await PoolRig.run { rig in
            let server = try await rig.server([[answer("1")]], certificate: TestCertificates.otherName)
            let endpoint = try server.endpoint(host: host, tls: try trustingTLS())
            guard case .tlsFailed(let reason) = try await rig.call(request(endpoint)).failure else {
                Issue.record("the certificate was accepted")
                return
            }
            #expect(!reason.isEmpty)
            #expect(try await server.requests.isEmpty)
        }
    }

    @Test("a certificate from an unknown root is refused")
    func unknownRoot() async throws {
        try await PoolRig.run { rig in
            let server = try await rig.server([[answer("1")]], certificate: TestCertificates.localhost)
            let endpoint = try server.endpoint(host: "localhost", tls: try UpstreamTLS())
            guard case .tlsFailed(let reason) = try await rig.call(request(endpoint)).failure else {
                Issue.record("the certificate was accepted")
                return
            }
            #expect(reason.uppercased().contains("CERTIFICATE"))
        }
    }

    @Test("a server that speaks no TLS is refused")
    func notTLS() async throws {
        try await PoolRig.run { rig in
            let plain = try await rig.server([])
            let silent = try plain.endpoint(
                host: "localhost", tls: try trustingTLS(), timeouts: UpstreamTimeouts(connect: .milliseconds(200)))
            #expect(try await rig.call(request(silent)).failure == .connectTimedOut)
            #expect(try await rig.holdsNothing)
        }
    }

    @Test("a body that runs until the connection's end is cut when TLS was not ended properly")
    func truncation() async throws {
        try await PoolRig.run { rig in
            let server = try await rig.server(
                [[.write("HTTP/1.1 200 OK\r\n\r\npart"), .reset]], certificate: TestCertificates.localhost)
            let endpoint = try server.endpoint(host: "localhost", tls: try trustingTLS())
            #expect(try await rig.call(request(endpoint)).failure != nil)
        }
    }

    @Test("roots without a certificate are refused at start")
    func badCAFile() throws {
        #expect(throws: UpstreamEndpointError.self) { try UpstreamTLS(trustRoots: []) }
        #expect(throws: UpstreamEndpointError.self) { try UpstreamTLS(trustRoots: Array("no PEM".utf8)) }
    }
}
