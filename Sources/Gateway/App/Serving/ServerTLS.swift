import Foundation
import GatewayConfiguration
import GatewayCrypto
import NIOSSL

/// The TLS side of the main listener.
struct ServerTLS {
    let context: NIOSSLContext
    /// Where the CA of a development certificate was written; `nil` with a configured certificate.
    let authorityFile: String?

    /// ALPN names, in the order of our preference.
    static let wire = "agentshield/1"
    static let http = ["h2", "http/1.1"]

    private static let cipherSuites: [NIOTLSCipher] = [
        .TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, .TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        .TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, .TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        .TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, .TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    ]

    /// - Parameter listener: without an identity, a certificate for this machine alone is made; the key of its CA is never written.
    init(_ listener: Configuration.TLSListener) throws {
        let identity = listener.identity
        let chain: [UInt8]
        let key: NIOSSLPrivateKey
        if let identity {
            chain = identity.certificateChain
            key = try Self.read(identity.privateKey)
            authorityFile = nil
        } else {
            let development = try DevelopmentCertificate.make(now: Int64(Date().timeIntervalSince1970))
            chain = development.certificate
            key = try Self.read(development.privateKey)
            authorityFile = try Self.write(authority: development.authority)
        }
        let certificates = try NIOSSLCertificate.fromPEMBytes(chain)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: certificates.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        // Of TLS 1.2 only what has forward secrecy and authenticated encryption; TLS 1.3 has nothing else.
        configuration.cipherSuiteValues = Self.cipherSuites
        // No wire protocol where nothing could prove the way that it came: it has no header for the edge to add to.
        let offersWire = !listener.needsEdgeProof || listener.clientAuthorities != nil
        configuration.applicationProtocols = (offersWire ? [Self.wire] : []) + Self.http
        if let authorities = listener.clientAuthorities {
            configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(authorities))
            // HTTP through an edge brings the edge's proof in place of a certificate; a certificate that comes all the same must be good.
            configuration.certificateVerification = listener.needsEdgeProof ? .optionalVerification : .noHostnameVerification
        }
        context = try NIOSSLContext(configuration: configuration)
    }

    private static func read(_ key: Secret) throws -> NIOSSLPrivateKey {
        var copy = key.withUnsafeBytes { Array($0) }
        defer { wipe(&copy) }
        return try NIOSSLPrivateKey(bytes: copy, format: .pem)
    }

    /// Whoever trusts this file trusts this gateway.
    private static func write(authority: [UInt8]) throws -> String {
        let file = try RunFolder.make().appendingPathComponent("ca.pem")
        try Data(authority).write(to: file, options: .atomic)
        return file.path
    }

    /// Nobody can use it once the gateway has gone. The folder was made for it alone.
    static func removeAuthority(_ file: String) {
        try? FileManager.default.removeItem(at: URL(fileURLWithPath: file).deletingLastPathComponent())
    }
}
