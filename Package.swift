// swift-tools-version: 6.2
import PackageDescription

/// Every target of ours is compiled the same way: Swift 6 mode, no warning left standing, and imports that say what they leak.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioWebSocket = Target.Dependency.product(name: "NIOWebSocket", package: "swift-nio")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let nioConcurrency = Target.Dependency.product(name: "NIOConcurrencyHelpers", package: "swift-nio")
let nioHTTP2 = Target.Dependency.product(name: "NIOHTTP2", package: "swift-nio-http2")
let nioHPACK = Target.Dependency.product(name: "NIOHPACK", package: "swift-nio-http2")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let tracing = Target.Dependency.product(name: "Tracing", package: "swift-distributed-tracing")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let swiftProtobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")

/// A library target of the gateway: `Sources/Gateway/<folder>`.
func gateway(_ name: String, folder: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, path: "Sources/Gateway/\(folder)", swiftSettings: settings)
}

func test(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = [], resources: [Resource] = []) -> Target {
    .testTarget(
        name: name, dependencies: dependencies, path: "Tests/\(name)", exclude: exclude, resources: resources, swiftSettings: settings)
}

let systemLibraries: [Target] = [
    .systemLibrary(
        name: "CLZ4", path: "Sources/Wire/CLZ4", pkgConfig: "liblz4",
        providers: [.apt(["liblz4-dev"]), .brew(["lz4"])]),
    .systemLibrary(
        name: "CHiredis", path: "Sources/Gateway/System/CHiredis", pkgConfig: "hiredis",
        providers: [.apt(["libhiredis-dev"]), .brew(["hiredis"])]),
    .systemLibrary(
        name: "CPQ", path: "Sources/Gateway/System/CPQ", pkgConfig: "libpq",
        providers: [.apt(["libpq-dev"]), .brew(["libpq"])]),
    .systemLibrary(
        name: "CSQLite", path: "Sources/Gateway/System/CSQLite", pkgConfig: "sqlite3",
        providers: [.apt(["libsqlite3-dev"]), .brew(["sqlite"])]),
    .systemLibrary(name: "CMalloc", path: "Sources/Gateway/System/CMalloc"),
    .systemLibrary(
        name: "CZlib", path: "Sources/Gateway/System/CZlib", pkgConfig: "zlib",
        providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
    .systemLibrary(
        name: "COpenSSL", path: "Sources/Gateway/System/COpenSSL", pkgConfig: "openssl",
        providers: [.apt(["libssl-dev"]), .brew(["openssl@3"])]),
]

let wire: [Target] = [
    .target(name: "Wire", dependencies: ["CLZ4", nioCore, deque], path: "Sources/Wire/Protocol", swiftSettings: settings),
    .target(name: "WireTransport", dependencies: ["Wire", nioCore, nioWebSocket], path: "Sources/Wire/Transport", swiftSettings: settings),
]

let client: [Target] = [
    .target(
        name: "AgentShield",
        dependencies: [
            "Wire", "WireTransport", nioCore, nioPosix, nioHTTP1, nioWebSocket, nioTLS, nioConcurrency, nioSSL, logging, tracing,
            lifecycle, deque,
        ],
        path: "Sources/ClientSDK", swiftSettings: settings)
]

let gatewayTargets: [Target] = [
    .target(name: "CPrefilter", path: "Sources/Gateway/Scrubbing/CPrefilter"),
    gateway("Scrubbing", folder: "Scrubbing/Engine", ["CPrefilter"]),
    gateway("GatewayJSON", folder: "JSON", [nioCore]),
    gateway("GatewayCrypto", folder: "Crypto", ["COpenSSL"]),
    gateway("GatewayDecompression", folder: "Decompression", ["CZlib"]),
    gateway("GatewayCore", folder: "Core", ["GatewayJSON", "Scrubbing", nioCore, deque]),
    gateway("GatewayAuthentication", folder: "Authentication", ["GatewayCore", "GatewayCrypto", "GatewayJSON"]),
    gateway("GatewayConfiguration", folder: "Configuration", ["GatewayCore", "GatewayAuthentication", "GatewayCrypto", "Scrubbing", yams]),
    gateway(
        "EmbeddedStore", folder: "EmbeddedStore", ["GatewayCore", "GatewayCrypto", "CSQLite", nioCore, nioPosix, nioConcurrency, deque]),
    .target(
        name: "PostgresStore", dependencies: ["GatewayCore", "GatewayCrypto", "CPQ", "COpenSSL", deque],
        path: "Sources/Gateway/PostgresStore",
        resources: [.embedInCode("Migrations/SQL")], swiftSettings: settings),
    gateway(
        "RedisStore", folder: "RedisStore",
        ["GatewayCore", "GatewayCrypto", "CHiredis", nioCore, nioPosix, nioSSL, nioTLS, deque]),
    gateway(
        "Providers", folder: "Providers",
        ["GatewayCore", "GatewayJSON", nioCore, nioPosix, nioHTTP1, nioSSL, nioTLS, logging, deque]),
    gateway(
        "GatewayPipeline", folder: "Pipeline",
        [
            "GatewayCore", "GatewayAuthentication", "GatewayJSON", "GatewayCrypto", "Scrubbing", "EmbeddedStore", "RedisStore", "Providers",
            "Wire", nioCore, nioConcurrency, logging, metrics, deque,
        ]),
    gateway(
        "WireServer", folder: "WireServer",
        ["GatewayPipeline", "GatewayCore", "GatewayJSON", "Wire", "WireTransport", nioCore, nioConcurrency, nioSSL, logging, deque]),
    gateway(
        "HTTPShim", folder: "HTTPShim",
        [
            "GatewayPipeline", "GatewayCore", "GatewayAuthentication", "GatewayJSON", "GatewayDecompression", "Providers", "WireTransport",
            nioCore, nioHTTP1, nioHTTP2, nioWebSocket, logging, deque,
        ]),
    .executableTarget(
        name: "AgentShieldGateway",
        dependencies: [
            "GatewayCore", "GatewayAuthentication", "GatewayConfiguration", "GatewayCrypto", "GatewayPipeline", "EmbeddedStore",
            "PostgresStore", "RedisStore", "Providers",
            "Scrubbing",
            "WireServer",
            "HTTPShim", "Wire", "CHiredis", "CPQ", "CLZ4", "CSQLite", "CMalloc", nioCore, nioPosix, nioHTTP1, nioHTTP2, nioSSL, nioTLS,
            logging,
            metrics,
            lifecycle, unixSignals, argumentParser, deque,
        ],
        path: "Sources/Gateway/App", resources: [.copy("Models")], swiftSettings: settings),
]

/// Programs that tests, benchmarks and the demo start as processes of their own.
let support: [Target] = [
    .executableTarget(
        name: "ScriptedProvider", dependencies: [nioCore, nioPosix, nioHTTP1, nioSSL, argumentParser],
        path: "Tests/Support/ScriptedProvider", exclude: ["README.md"], swiftSettings: settings),
    .executableTarget(
        name: "GatewayBench",
        dependencies: [
            "AgentShield", "Wire", "WireTransport", "RedisStore", "GatewayCore", "GatewayCrypto", "ProcessSupport", "CLibSSL", nioCore,
            nioPosix,
            nioSSL, nioTLS, nioHPACK, argumentParser, deque,
        ],
        path: "Tests/Support/GatewayBench", exclude: ["Preloaded", "costs.json"], swiftSettings: settings),
    .systemLibrary(
        name: "CLibSSL", path: "Tests/Support/CLibSSL", pkgConfig: "openssl",
        providers: [.apt(["libssl-dev"]), .brew(["openssl@3"])]),
    .target(name: "TokenForge", dependencies: ["GatewayCrypto", "COpenSSL"], path: "Tests/Support/TokenForge", swiftSettings: settings),
    .target(name: "SeededRandomness", path: "Tests/Support/SeededRandomness", swiftSettings: settings),
    .executableTarget(
        name: "ScrubFindings", dependencies: ["Scrubbing"], path: "Tests/Support/ScrubFindings", swiftSettings: settings),
    .executableTarget(
        name: "ScrubBench", dependencies: ["Scrubbing", "EngineProbe", "SeededRandomness", argumentParser],
        path: "Tests/Support/ScrubBench",
        swiftSettings: settings),
    .executableTarget(
        name: "ArbitrageBench", dependencies: ["GatewayCore", "EngineProbe"], path: "Tests/Support/ArbitrageBench", swiftSettings: settings),
    .target(name: "EngineProbe", path: "Tests/Support/EngineProbe"),
    .executableTarget(
        name: "Chaos",
        dependencies: [
            "AgentShield", "ProcessSupport", "SeededRandomness", "EmbeddedStore", "PostgresStore", "GatewayCore", "GatewayCrypto", nioCore,
            nioPosix, nioHTTP1, tracing, argumentParser,
        ],
        path: "Tests/Support/Chaos", swiftSettings: settings),
    .target(
        name: "ProcessSupport", dependencies: [nioCore, nioPosix, nioConcurrency], path: "Tests/Support/ProcessSupport",
        swiftSettings: settings),
    .executableTarget(
        name: "Demo", dependencies: ["AgentShield", "Wire", nioCore, nioPosix, nioHTTP1, argumentParser],
        path: "Tests/Support/Demo", swiftSettings: settings),
    // Generated code, which does not keep our settings.
    .target(name: "ProtobufReference", dependencies: [swiftProtobuf], path: "Tests/Support/ProtobufReference"),
]

let tests: [Target] = [
    test("WireTests", ["Wire", "SeededRandomness", "ProtobufReference", nioCore, swiftProtobuf]),
    test("SimulationTests", ["Wire", "SeededRandomness", nioCore]),
    test("WireTransportTests", ["Wire", "WireTransport", nioCore, nioPosix, nioEmbedded, nioWebSocket]),
    test(
        "WireServerTests", ["WireServer", "Wire", "GatewayCore", "GatewayJSON", "SeededRandomness", nioCore, nioPosix, nioConcurrency]),
    test(
        "ClientSDKTests",
        [
            "AgentShield", "Wire", "WireTransport", "GatewayCrypto", "SeededRandomness", nioCore, nioPosix, nioEmbedded, nioTLS,
            nioConcurrency, nioSSL,
            logging, lifecycle, tracing,
        ]),
    test("ScrubbingTests", ["Scrubbing", "CPrefilter", "SeededRandomness"]),
    test("JSONTests", ["GatewayJSON", "SeededRandomness", nioCore]),
    test("CryptoTests", ["GatewayCrypto"]),
    test(
        "AuthenticationTests",
        ["GatewayAuthentication", "TokenForge", "SeededRandomness", "GatewayCore", "GatewayCrypto", "GatewayJSON", "Scrubbing"]),
    test("CoreTests", ["GatewayCore", "GatewayJSON", "Scrubbing", "SeededRandomness", nioCore]),
    test(
        "ConfigurationTests",
        ["GatewayConfiguration", "GatewayAuthentication", "SeededRandomness", "GatewayCore", "GatewayCrypto", "Scrubbing"]),
    test(
        "EmbeddedStoreTests",
        [
            "EmbeddedStore", "ProcessSupport", "GatewayCore", "GatewayCrypto", "Scrubbing", nioCore, nioPosix, nioConcurrency, nioEmbedded,
        ]),
    test(
        "PipelineTests",
        [
            "GatewayPipeline", "ProcessSupport", "SeededRandomness", "GatewayCore", "GatewayCrypto", "EmbeddedStore", "RedisStore",
            "Providers",
            "Scrubbing", nioCore,
            nioPosix, nioEmbedded, logging,
        ]),
    test(
        "PostgresStoreTests",
        ["PostgresStore", "ProcessSupport", "SeededRandomness", "AgentShieldGateway", "GatewayCore", "GatewayCrypto", deque]),
    test(
        "RedisStoreTests",
        ["RedisStore", "ProcessSupport", "SeededRandomness", "GatewayCore", "GatewayCrypto", nioCore, nioPosix, nioSSL]),
    test(
        "ProvidersTests",
        [
            "Providers", "ProcessSupport", "ScriptedProvider", "SeededRandomness", "GatewayCore", "GatewayJSON", nioCore, nioPosix,
            nioEmbedded, nioHTTP1,
            nioSSL, logging,
        ]),
    test(
        "HTTPShimTests",
        [
            "HTTPShim", "GatewayPipeline", "GatewayCore", "GatewayAuthentication", "GatewayJSON", "GatewayDecompression", "CZlib",
            "SeededRandomness", "Scrubbing", nioCore, nioPosix, nioEmbedded, nioHTTP1, nioHTTP2,
        ]),
    test(
        "EndToEndTests",
        [
            "ProcessSupport", "ScriptedProvider", "AgentShieldGateway", "AgentShield", "EmbeddedStore", "GatewayCrypto", "TokenForge",
            "SeededRandomness", "Wire",
            "WireTransport",
            nioCore, nioPosix, nioConcurrency, nioHTTP1, nioSSL, nioTLS, nioWebSocket, tracing,
        ]),
    test(
        "ReplicaTests",
        [
            "ProcessSupport", "ScriptedProvider", "AgentShieldGateway", "AgentShield", "SeededRandomness", "TokenForge", "RedisStore",
            "GatewayCore", "GatewayCrypto", nioCore, nioPosix, nioConcurrency, nioHTTP1,
        ]),
    test("GatewayBenchTests", ["GatewayBench", "SeededRandomness", "Wire", nioCore, nioPosix]),
    test("AppTests", ["AgentShieldGateway", "ProcessSupport", "GatewayCore", nioCore, logging]),
    test("TidyTests", ["Wire", "GatewayCore", "GatewayConfiguration"]),
]

let package = Package(
    name: "agentshield",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "AgentShield", targets: ["AgentShield"]),
        .library(name: "Scrubbing", targets: ["Scrubbing"]),
        .executable(name: "agentshield", targets: ["AgentShieldGateway"]),
        .executable(name: "scripted-provider", targets: ["ScriptedProvider"]),
        .executable(name: "gateway-bench", targets: ["GatewayBench"]),
        .executable(name: "scrub-bench", targets: ["ScrubBench"]),
        .executable(name: "arbitrage-bench", targets: ["ArbitrageBench"]),
        .executable(name: "agentshield-demo", targets: ["Demo"]),
        .executable(name: "chaos", targets: ["Chaos"]),
        .executable(name: "scrub-findings", targets: ["ScrubFindings"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: systemLibraries + wire + client + gatewayTargets + support + tests
)
