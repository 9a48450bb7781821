import NIOCore
import NIOSSL

/// Trust for calls over TLS: 1.2 or later, the certificate verified up to a root, its name compared with the host (or its address with
/// the address connected to), ALPN `http/1.1`. There is no way to switch verification off.
///
/// Costly to make (it reads the trust roots) and meant to be shared; compared by identity.
package struct UpstreamTLS: Sendable, Hashable {
    private let context: NIOSSLContext

    /// - Parameter trustRoots: PEM certificates to trust instead of the system's; `nil`: the system's.
    package init(trustRoots: [UInt8]? = nil) throws(UpstreamEndpointError) {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.certificateVerification = .fullVerification
        configuration.applicationProtocols = ["http/1.1"]
        do {
            if let trustRoots {
                // Read here, so that an empty file is an error at start and not at the first call.
                let roots = try NIOSSLCertificate.fromPEMBytes(trustRoots)
                guard !roots.isEmpty else { throw UpstreamEndpointError(reason: "the CA file holds no certificate") }
                configuration.trustRoots = .certificates(roots)
            }
            context = try NIOSSLContext(configuration: configuration)
        } catch let error as UpstreamEndpointError {
            throw error
        } catch {
            throw UpstreamEndpointError(reason: "the CA file cannot be used: \(error)")
        }
    }

    func makeHandler(for endpoint: UpstreamEndpoint) throws -> NIOSSLClientHandler {
        // SNI knows no addresses; without a name NIOSSL compares the certificate with the peer's address.
        try NIOSSLClientHandler(context: context, serverHostname: endpoint.literalAddress == nil ? endpoint.host : nil)
    }

    package static func == (left: Self, right: Self) -> Bool {
        left.context === right.context
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(ObjectIdentifier(context))
    }
}
