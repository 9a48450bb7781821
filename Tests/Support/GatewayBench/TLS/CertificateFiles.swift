import Foundation

/// A certificate for localhost that is its own authority, as PEM files.
struct CertificateFiles {
    var certificate: String
    var key: String

    static func make(in folder: URL) throws -> CertificateFiles {
        let files = CertificateFiles(
            certificate: folder.appendingPathComponent("server.pem").path, key: folder.appendingPathComponent("server.key").path)
        _ = try Command.output(
            URL(fileURLWithPath: "/usr/bin/openssl"),
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj", "/CN=localhost",
                "-keyout", files.key, "-out", files.certificate,
            ])
        return files
    }
}
