import Foundation
import GatewayCore
import NIOCore
import ProcessSupport
import Testing

@testable import RedisStore

@Suite("The way into Redis: credentials, TLS, roles", .timeLimit(.minutes(4)))
struct DoorTests {
    @Test("password, database and name of the connection are what the options say")
    func password() async throws {
        try await RedisServer.run(["--requirepass", "hunter2"]) { server async throws in
            let options = try RedisOptions(url: "redis://:hunter2@127.0.0.1:\(server.port)/3")
            try await RedisRig.run(options) { rig async throws in
                let info = try #require(try await rig.send("CLIENT", "INFO").string)
                #expect(info.contains(" name=agentshield ") && info.contains(" db=3 "))
            }
            try await RedisRig.run(server.options) { rig async throws in
                #expect(try await rig.failure(of: "PING")?.serverKind == .notAuthenticated)
            }
            try await RedisRig.run(try RedisOptions(url: "redis://:wrong@127.0.0.1:\(server.port)")) { rig async throws in
                #expect(try await rig.failure(of: "PING")?.serverKind == .wrongCredentials)
            }
        }
    }

    @Test("an ACL user may do what it may; that it cannot name its connection harms nothing")
    func acl() async throws {
        let user = ["--user", "gate", "on", ">hunter2", "~{b*}:*", "+get", "+eval", "+evalsha", "+time"]
        try await RedisServer.run(user) { server async throws in
            try await RedisRig.run(try RedisOptions(url: "redis://gate:hunter2@127.0.0.1:\(server.port)")) { rig async throws in
                #expect(try await rig.send(RedisCommand("GET", key: .rate(tenant: "t", .tenant, .tokens))).isNull)
                #expect(try await rig.failure(of: "GET", "other")?.serverKind == .notPermitted)
                #expect(try await rig.failure(of: "FLUSHALL")?.serverKind == .notPermitted)
            }
        }
    }

    @Test("TLS: the right root is trusted, another is not, and neither is another name")
    func tls() async throws {
        try await withTemporaryDirectory { directory in
            try Self.makeCertificates(in: directory)
            func file(_ name: String) -> String { directory.appendingPathComponent(name).path }
            let plain = try FreePort.find()
            let arguments = [
                "--tls-port", "0", "--tls-cert-file", file("leaf.pem"), "--tls-key-file", file("leaf.key"), "--tls-ca-cert-file",
                file("root.pem"),
                "--tls-auth-clients", "no",
            ]
            let tlsPort = try FreePort.find()
            try await RedisServer.run(port: plain, arguments + ["--tls-port", String(tlsPort)]) { _ async throws in
                let root = try [UInt8](Data(contentsOf: URL(fileURLWithPath: file("root.pem"))))
                let other = try [UInt8](Data(contentsOf: URL(fileURLWithPath: file("other.pem"))))
                func failure(host: String, roots: [UInt8]?, within time: TimeAmount = .seconds(1)) async throws -> RedisFailure? {
                    let options = try RedisOptions(url: "rediss://\(host):\(tlsPort)", trustRoots: roots)
                    return try await RedisRig.run(options) { try await $0.failure(of: "PING", timeout: time) }
                }
                #expect(try await failure(host: "localhost", roots: root, within: .seconds(20)) == nil)
                for (host, roots) in [("localhost", other), ("localhost", nil), ("127.0.0.1", root)] {
                    let refused = try await failure(host: host, roots: roots)
                    #expect(refused == .deadlineExceeded(wasSent: false) || refused == .refused(.breakerOpen))
                }
            }
        }
    }

    /// A root, a leaf of it for `localhost`, and a root of somebody else.
    private static func makeCertificates(in directory: URL) throws {
        let script = """
            set -e
            new="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
            openssl req -x509 $new -keyout root.key -out root.pem -subj /CN=root
            openssl req -x509 $new -keyout other.key -out other.pem -subj /CN=other
            openssl req $new -keyout leaf.key -out leaf.csr -subj /CN=localhost
            echo subjectAltName=DNS:localhost > names
            openssl x509 -req -in leaf.csr -CA root.pem -CAkey root.key -CAcreateserial -days 2 -extfile names -out leaf.pem
            """
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", script]
        process.currentDirectoryURL = directory
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
    }

    // MARK: Roles

    private func problem(_ role: RedisRole, _ options: RedisOptions) async throws -> String? {
        do {
            try await RedisRoleCheck.run(role, options: options, eventLoop: MultiThreadedEventLoops.next(), timeout: .seconds(10))
            return nil
        } catch let error as RedisRoleError {
            return error.description
        }
    }

    @Test("a server that evicts may be a cache and no state, and the message says how to mend it")
    func eviction() async throws {
        try await RedisServer.run { server async throws in
            #expect(try await problem(.state, server.options) == nil)
            #expect(try await problem(.cache, server.options) == nil)
        }
        try await RedisServer.run(["--maxmemory-policy", "volatile-lru"]) { server async throws in
            let problem = try #require(try await problem(.state, server.options))
            #expect(problem.contains("volatile-lru") && problem.contains("maxmemory-policy noeviction"))
            #expect(try await self.problem(.cache, server.options) == nil)
        }
    }

    @Test("an ACL that hides the policy is told apart; either of two permissions is enough")
    func hidden() async throws {
        func users(_ rights: String) -> [String] {
            ["--user", "gate", "on", ">hunter2", "~*", "-@all", "+ping"] + rights.split(separator: " ").map(String.init)
        }
        for (rights, isEnough) in [("+info", true), ("+config|get", true), ("+get", false)] {
            try await RedisServer.run(users(rights)) { server async throws in
                let problem = try await problem(.state, try RedisOptions(url: "redis://gate:hunter2@127.0.0.1:\(server.port)"))
                #expect((problem == nil) == isEnough)
                #expect(problem?.contains("+info") != false)
            }
        }
    }

    @Test("a server that cannot be used is refused with the reason, without the password")
    func unusable() async throws {
        try await RedisServer.run(["--requirepass", "right"]) { server async throws in
            let wrong = try #require(try await problem(.state, try RedisOptions(url: "redis://:hunter2@127.0.0.1:\(server.port)")))
            #expect(wrong.contains("refuses the user or the password") && !wrong.contains("hunter2"))
            #expect(try await problem(.cache, server.options)?.contains("wants a password") == true)
        }
    }
}
