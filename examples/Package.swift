// swift-tools-version: 6.2
import PackageDescription

// A package of its own: it sees what every program sees, the products AgentShield and Scrubbing and nothing of the inside.
// The engine alone is a product too: Scrubbing.
let agentShield = Target.Dependency.product(name: "AgentShield", package: "agentshield")

let package = Package(
    name: "agentshield-examples",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "agentshield", path: ".."),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    ],
    targets: [
        .executableTarget(name: "Chat", dependencies: [agentShield]),
        .executableTarget(name: "SupportAgent", dependencies: [agentShield]),
        .executableTarget(name: "Batch", dependencies: [agentShield]),
        .executableTarget(name: "LearningAgent", dependencies: [agentShield]),
        .executableTarget(name: "ScrubText", dependencies: [.product(name: "Scrubbing", package: "agentshield")]),
        .executableTarget(
            name: "TicketService",
            dependencies: [
                agentShield,
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Logging", package: "swift-log"),
            ]),
    ],
    swiftLanguageModes: [.v6]
)
