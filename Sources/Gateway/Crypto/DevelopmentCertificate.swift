/// A certificate for localhost that a gateway without a configured one makes for itself, and the CA that vouches for it.
///
/// The CA is constrained to the name `localhost`, so that trusting it on a developer's machine gives nobody power over any other name; and
/// its private key exists in memory only, while the leaf is being signed.
package struct DevelopmentCertificate: Sendable {
    /// How long both certificates are valid.
    package static let validityDays = 90

    /// The CA's certificate in PEM: what clients are told to trust.
    package let authority: [UInt8]
    /// The server's certificate in PEM, for localhost, 127.0.0.1 and ::1.
    package let certificate: [UInt8]
    /// The server's private key in PEM (PKCS #8).
    package let privateKey: Secret

    /// - Parameter now: seconds since 1970. The certificates are valid from an hour earlier, since clocks differ.
    package static func make(now: Int64) throws(CryptoError) -> DevelopmentCertificate {
        let authority = try DevelopmentAuthority(now: now)
        let leaf = try authority.issue(commonName: "localhost", subjectAlternativeNames: "DNS:localhost,IP:127.0.0.1,IP:::1")
        return DevelopmentCertificate(authority: authority.certificate, certificate: leaf.certificate, privateKey: leaf.privateKey)
    }
}
