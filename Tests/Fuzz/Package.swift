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
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")

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
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    ],
    targets: [
        .systemLibrary(
            name: "CLZ4", path: "Linked/CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"]), .brew(["lz4"])]),
        .target(name: "Wire", dependencies: ["CLZ4", nioCore, deque], path: "Linked/Wire", swiftSettings: instrumented),
        .target(name: "GatewayJSON", dependencies: [nioCore], path: "Linked/GatewayJSON", swiftSettings: instrumented),
        .target(
            name: "CPrefilter", path: "Linked/CPrefilter", cSettings: [.unsafeFlags(["-fsanitize=fuzzer-no-link,address"])]),
        .target(name: "Scrubbing", dependencies: ["CPrefilter"], path: "Linked/Scrubbing", swiftSettings: instrumented),
        .target(
            name: "GatewayCore", dependencies: ["GatewayJSON", "Scrubbing", nioCore, deque], path: "Linked/GatewayCore",
            swiftSettings: instrumented),
        // Without the connections.
        .target(
            name: "Providers", dependencies: ["GatewayCore", "GatewayJSON", nioCore, deque], path: "Linked/Providers",
            exclude: ["Upstream"],
            swiftSettings: instrumented),
        .target(name: "Door", dependencies: [nioCore], path: "Linked/Door", swiftSettings: instrumented),
        .target(name: "SSE", dependencies: [nioCore], path: "Linked/SSE", swiftSettings: instrumented),
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
    ]
)
