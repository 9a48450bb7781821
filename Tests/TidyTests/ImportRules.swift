/// Which module may import which. Imports go down only; `ARCHITECTURE.md` draws the same.
enum ImportRules {
    struct Module: Sendable {
        var name: String
        /// Its folder, from the repository's.
        var folder: String
        /// Everything that it may import, ours and others'.
        var imports: Set<String>
    }

    /// What any module may import of the platform, where it must call the system.
    static let platform: Set<String> = ["Glibc", "Musl", "Darwin", "Synchronization"]

    static let modules: [Module] = [
        Module(name: "Wire", folder: "Sources/Wire/Protocol", imports: ["CLZ4", "NIOCore", "DequeModule"]),
        Module(name: "WireTransport", folder: "Sources/Wire/Transport", imports: ["Wire", "NIOCore", "NIOWebSocket"]),
        Module(
            name: "AgentShield", folder: "Sources/ClientSDK",
            imports: [
                "Wire", "WireTransport", "NIOCore", "NIOPosix", "NIOHTTP1", "NIOWebSocket", "NIOTLS", "NIOConcurrencyHelpers", "NIOSSL",
                "Logging", "Tracing",
                "ServiceLifecycle",
                "DequeModule",
            ]),
        Module(name: "Scrubbing", folder: "Sources/Gateway/Scrubbing/Engine", imports: ["CPrefilter"]),
        Module(name: "GatewayJSON", folder: "Sources/Gateway/JSON", imports: ["NIOCore"]),
        Module(name: "GatewayCrypto", folder: "Sources/Gateway/Crypto", imports: ["COpenSSL"]),
        Module(name: "GatewayDecompression", folder: "Sources/Gateway/Decompression", imports: ["CZlib"]),
        Module(name: "GatewayCore", folder: "Sources/Gateway/Core", imports: ["GatewayJSON", "Scrubbing", "NIOCore", "DequeModule"]),
        Module(
            name: "GatewayAuthentication", folder: "Sources/Gateway/Authentication",
            imports: ["GatewayCore", "GatewayCrypto", "GatewayJSON"]),
        Module(
            name: "GatewayConfiguration", folder: "Sources/Gateway/Configuration",
            imports: ["GatewayCore", "GatewayAuthentication", "GatewayCrypto", "Scrubbing", "Yams"]),
        Module(
            name: "EmbeddedStore", folder: "Sources/Gateway/EmbeddedStore",
            imports: ["GatewayCore", "GatewayCrypto", "CSQLite", "NIOCore", "NIOPosix", "NIOConcurrencyHelpers", "DequeModule"]),
        Module(
            name: "PostgresStore", folder: "Sources/Gateway/PostgresStore",
            imports: ["GatewayCore", "GatewayCrypto", "CPQ", "COpenSSL", "DequeModule"]),
        Module(
            name: "RedisStore", folder: "Sources/Gateway/RedisStore",
            imports: ["GatewayCore", "GatewayCrypto", "CHiredis", "NIOCore", "NIOPosix", "NIOSSL", "NIOTLS", "DequeModule"]),
        Module(
            name: "Providers", folder: "Sources/Gateway/Providers",
            imports: ["GatewayCore", "GatewayJSON", "NIOCore", "NIOPosix", "NIOHTTP1", "NIOSSL", "NIOTLS", "Logging", "DequeModule"]),
        Module(
            name: "GatewayPipeline", folder: "Sources/Gateway/Pipeline",
            imports: [
                "GatewayCore", "GatewayAuthentication", "GatewayJSON", "GatewayCrypto", "Scrubbing", "EmbeddedStore", "RedisStore",
                "Providers", "Wire", "NIOCore", "NIOHTTP1",
                "NIOConcurrencyHelpers",
                "Logging", "Metrics", "DequeModule",
            ]),
        Module(
            name: "WireServer", folder: "Sources/Gateway/WireServer",
            imports: [
                "GatewayPipeline", "GatewayCore", "GatewayJSON", "Wire", "WireTransport", "NIOCore", "NIOConcurrencyHelpers", "NIOSSL",
                "Logging", "DequeModule",
            ]),
        Module(
            name: "HTTPShim", folder: "Sources/Gateway/HTTPShim",
            imports: [
                "GatewayPipeline", "GatewayCore", "GatewayAuthentication", "GatewayJSON", "GatewayDecompression", "Providers",
                "WireTransport",
                "NIOCore", "NIOHTTP1", "NIOHTTP2", "NIOWebSocket", "Logging", "DequeModule",
            ]),
        Module(
            name: "AgentShieldGateway", folder: "Sources/Gateway/App",
            imports: [
                "GatewayCore", "GatewayAuthentication", "GatewayConfiguration", "GatewayCrypto", "GatewayPipeline", "EmbeddedStore",
                "PostgresStore", "RedisStore", "Providers",
                "Scrubbing", "WireServer",
                "HTTPShim", "Wire", "CHiredis", "CPQ", "CLZ4", "CSQLite", "CMalloc", "NIOCore", "NIOPosix", "NIOHTTP1", "NIOHTTP2",
                "NIOSSL", "NIOTLS",
                "Logging",
                "Metrics",
                "ServiceLifecycle", "UnixSignals", "NIOConcurrencyHelpers", "ArgumentParser", "DequeModule", "Foundation", "Dispatch",
            ]),
    ]

    /// Modules that decide and do no I/O: neither the clock nor chance nor the environment is read in them.
    static let pure: Set<String> = [
        "Wire", "Scrubbing", "GatewayJSON", "GatewayCrypto", "GatewayCore", "GatewayAuthentication", "GatewayConfiguration",
    ]

    /// Packages that are nowhere in the project, source, tests and `Package.swift` alike.
    static let forbidden = ["AsyncHTTPClient", "async-http-client", "GRPC", "grpc-swift"]

    /// The module whose folder the file is in.
    static func module(of path: String) -> Module? {
        modules.first { path.hasPrefix($0.folder + "/") }
    }

    /// The modules that a Swift source imports.
    static func imports(in text: String) -> [String] {
        text.split(separator: "\n").compactMap { line in
            var words = line.split(separator: " ").filter { !$0.isEmpty }
            guard let index = words.firstIndex(of: "import"), words[..<index].allSatisfy(isModifier) else { return nil }
            words.removeFirst(index + 1)
            if let first = words.first, ["struct", "class", "enum", "protocol", "func", "var", "typealias", "let"].contains(first) {
                words.removeFirst()
            }
            return words.first?.split(separator: ".").first.map(String.init)
        }
    }

    private static func isModifier(_ word: Substring) -> Bool {
        word.hasPrefix("@") || ["public", "package", "internal", "fileprivate", "private"].contains(word)
    }

    /// What is wrong with one source file's imports.
    static func violations(in file: Repository.File) -> [String] {
        guard let module = module(of: file.path) else { return ["\(file.path) is in no module's folder: add it to ImportRules.modules"] }
        return imports(in: file.text).filter { !module.imports.contains($0) && !platform.contains($0) }.map { imported in
            "\(file.path) imports \(imported), which \(module.name) must not: imports go down only"
        }
    }
}
