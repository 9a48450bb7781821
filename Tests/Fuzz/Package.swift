// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that nobody who builds AgentShield builds fuzzers. The code under test comes in through the links in
// Linked/: it is compiled here once more, with libFuzzer's coverage counters and AddressSanitizer, which the main build must not have.
let sanitizers = "-sanitize=fuzzer,address"

/// As in the main package, but optimised with assertions on.
let instrumented: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .unsafeFlags([sanitizers, "-assert-config", "Debug"]),
]

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioWebSocket = Target.Dependency.product(name: "NIOWebSocket", package: "swift-nio")
let nioHTTP2 = Target.Dependency.product(name: "NIOHTTP2", package: "swift-nio-http2")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")

/// A target that is the gateway's own, without what is excluded.
func linked(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .target(name: name, dependencies: dependencies, path: "Linked/\(name)", exclude: exclude, swiftSettings: instrumented)
}

func fuzzer(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(
        name: name, dependencies: ["FuzzDriver"] + dependencies, swiftSettings: instrumented,
        // lld: the gold linker warns about every one of AddressSanitizer's symbols.
        linkerSettings: [.unsafeFlags([sanitizers, "-use-ld=lld"])])
}

let package = Package(
    name: "agentshield-fuzz",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    ],
    targets: [
        .systemLibrary(
            name: "CLZ4", path: "Linked/CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"]), .brew(["lz4"])]),
        .systemLibrary(
            name: "CZlib", path: "Linked/CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
        .systemLibrary(
            name: "COpenSSL", path: "Linked/COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"]), .brew(["openssl@3"])]),
        .target(
            name: "CPrefilter", path: "Linked/CPrefilter", cSettings: [.unsafeFlags(["-fsanitize=fuzzer-no-link,address"])]),
        linked("Wire", ["CLZ4", nioCore, deque]),
        linked("WireTransport", ["Wire", nioCore, nioWebSocket]),
        linked("GatewayJSON", [nioCore]),
        linked("GatewayCrypto", ["COpenSSL"]),
        linked("GatewayDecompression", ["CZlib"]),
        linked("Scrubbing", ["CPrefilter"]),
        linked("GatewayCore", ["GatewayJSON", "Scrubbing", nioCore, deque]),
        linked("GatewayAuthentication", ["GatewayCore", "GatewayCrypto", "GatewayJSON"]),
        // Without the connections.
        linked("Providers", ["GatewayCore", "GatewayJSON", nioCore, deque], exclude: ["Upstream"]),
        // What the pipeline and its doors tell each other, without the pipeline.
        linked("GatewayPipeline", ["GatewayCore", nioCore]),
        linked(
            "HTTPShim",
            [
                "GatewayPipeline", "GatewayCore", "GatewayAuthentication", "GatewayJSON", "GatewayDecompression", "Providers",
                "WireTransport", nioCore, nioHTTP1, nioHTTP2, nioWebSocket, deque,
            ], exclude: ["GatewayBackend.swift"]),
        linked("Door", [nioCore]),
        linked("SSE", [nioCore]),
        .target(name: "CFuzzer"),
        .target(name: "FuzzDriver", dependencies: ["CFuzzer"], swiftSettings: instrumented),
        .target(name: "FuzzPeer", dependencies: ["FuzzDriver", "Wire", nioCore], swiftSettings: instrumented),
        fuzzer("FuzzMessages", ["Wire", nioCore]),
        fuzzer("FuzzServer", ["FuzzPeer", "Wire", nioCore]),
        fuzzer("FuzzClient", ["FuzzPeer", "Wire", nioCore]),
        fuzzer("FuzzJSON", ["GatewayJSON", nioCore]),
        fuzzer("FuzzScrubbing", ["Scrubbing"]),
        fuzzer("FuzzProxyHeader", ["Door", nioCore]),
        fuzzer("FuzzSSE", ["SSE", nioCore]),
        fuzzer("FuzzAnswers", ["GatewayCore", "GatewayJSON", "Providers", nioCore]),
        fuzzer("FuzzRequests", ["GatewayCore", "GatewayJSON", "Providers", "Scrubbing", nioCore]),
        fuzzer(
            "FuzzHTTP",
            [
                "HTTPShim", "GatewayPipeline", "GatewayAuthentication", "GatewayCore", "Scrubbing", nioCore, nioEmbedded, nioHTTP1,
            ]),
    ]
)
