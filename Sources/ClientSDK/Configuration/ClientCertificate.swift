/// What a client shows of itself in TLS where the gateway asks for it: a certificate chain in PEM, its own certificate first, and the key that belongs to it,
/// in PEM and not encrypted.
public enum ClientCertificate: Sendable, Hashable {
    case files(certificate: String, privateKey: String)
    case pem(certificate: [UInt8], privateKey: [UInt8])
}

extension ClientCertificate: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "ClientCertificate" }

    public var debugDescription: String { description }

    public var customMirror: Mirror { Mirror(self, children: []) }
}
