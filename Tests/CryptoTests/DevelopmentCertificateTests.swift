import Foundation
import Testing

@testable import GatewayCrypto

/// The certificates are judged by the `openssl` command, which verifies as clients do.
@Suite("The development certificate")
struct DevelopmentCertificateTests {
    let now = Int64(Date().timeIntervalSince1970)

    @Test("a client that trusts the CA accepts the leaf for localhost and both loopback addresses, and for nothing else")
    func verification() throws {
        let made = try DevelopmentCertificate.make(now: now)
        for flags in [["-verify_hostname", "localhost"], ["-verify_ip", "127.0.0.1"], ["-verify_ip", "::1"]] {
            let outcome = try verify(leaf: made.certificate, authority: made.authority, flags: flags)
            #expect(outcome.status == 0, "\(flags): \(outcome.output)")
        }
        for flags in [["-verify_hostname", "example.com"], ["-verify_ip", "127.0.0.2"]] {
            #expect(try verify(leaf: made.certificate, authority: made.authority, flags: flags).status != 0)
        }
    }

    @Test(
        "the CA's certificates for names other than localhost are refused for its name constraints",
        arguments: ["DNS:example.com", "DNS:localhost.example.com", "DNS:localhost,DNS:example.com"])
    func nameConstraints(names: String) throws {
        let authority = try DevelopmentAuthority(now: now)
        let leaf = try authority.issue(commonName: "intruder", subjectAlternativeNames: names)
        let outcome = try verify(leaf: leaf.certificate, authority: authority.certificate, flags: [])
        #expect(outcome.status != 0)
        #expect(outcome.output.contains("permitted subtree violation"))
        // The same authority and the same draft with a permitted name pass: the refusal is the constraint's.
        let allowed = try authority.issue(commonName: "localhost", subjectAlternativeNames: "DNS:localhost,IP:127.9.8.7")
        #expect(try verify(leaf: allowed.certificate, authority: authority.certificate, flags: []).status == 0)
    }

    @Test("the certificates say what they are for, and the two keys are different ones")
    func extensions() throws {
        let made = try DevelopmentCertificate.make(now: now)
        let authority = try describe(made.authority)
        let leaf = try describe(made.certificate)
        for expected in [
            "CA:TRUE, pathlen:0", "X509v3 Basic Constraints: critical", "X509v3 Name Constraints: critical", "DNS:localhost",
            "Certificate Sign", "X509v3 Subject Key Identifier",
        ] {
            #expect(authority.contains(expected), "CA: \(expected)")
        }
        for expected in [
            "CA:FALSE", "X509v3 Key Usage: critical", "Digital Signature", "TLS Web Server Authentication", "DNS:localhost",
            "IP Address:127.0.0.1", "IP Address:0:0:0:0:0:0:0:1", "X509v3 Authority Key Identifier", "NIST CURVE: P-256", "Version: 3",
        ] {
            #expect(leaf.contains(expected), "leaf: \(expected)")
        }
        let publicOfKey = try run(["pkey", "-pubout"], input: made.privateKey.withUnsafeBytes { Array($0) })
        let publicOfLeaf = try run(["x509", "-pubkey", "-noout"], input: made.certificate)
        let publicOfAuthority = try run(["x509", "-pubkey", "-noout"], input: made.authority)
        #expect(publicOfKey.status == 0)
        #expect(publicOfKey.output == publicOfLeaf.output)
        #expect(publicOfKey.output != publicOfAuthority.output)
    }

    @Test("the leaf is valid now and 89 days on, and over after 91")
    func validity() throws {
        let made = try DevelopmentCertificate.make(now: now)
        let day: Int64 = 86_400
        for (seconds, accepted) in [(-7200, false), (-1800, true), (0, true), (89 * day, true), (91 * day, false)] {
            let outcome = try verify(leaf: made.certificate, authority: made.authority, flags: ["-attime", "\(now + seconds)"])
            #expect((outcome.status == 0) == accepted, "after \(seconds) s: \(outcome.output)")
        }
    }

    private func verify(leaf: [UInt8], authority: [UInt8], flags: [String]) throws -> (status: Int32, output: String) {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("agentshield-ca-\(UUID().uuidString).pem")
        try Data(authority).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        return try run(
            ["verify", "-x509_strict", "-no-CApath", "-no-CAstore", "-purpose", "sslserver", "-CAfile", file.path] + flags, input: leaf)
    }

    private func describe(_ certificate: [UInt8]) throws -> String {
        try run(["x509", "-noout", "-text"], input: certificate).output
    }

    private func run(_ arguments: [String], input: [UInt8]) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments
        let standardInput = Pipe()
        let standardOutput = Pipe()
        process.standardInput = standardInput
        process.standardOutput = standardOutput
        process.standardError = standardOutput
        try process.run()
        // A certificate is smaller than a pipe's buffer, so writing it whole before reading cannot block.
        try standardInput.fileHandleForWriting.write(contentsOf: Data(input))
        try standardInput.fileHandleForWriting.close()
        let output = try standardOutput.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }
}
