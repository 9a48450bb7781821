import ArgumentParser
import GatewayCore

struct PanicCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "panic", abstract: "Stops all traffic, or a tenant's, on every replica within a second; or lets it go on.",
        discussion: "Requests under way end at once, new ones are answered `traffic_stopped` (503). Needs a store that the replicas follow."
    )

    enum Switch: String, ExpressibleByArgument, CaseIterable { case on, off }

    @Argument(help: "Whether traffic is to stop.")
    var state: Switch

    @Argument(help: "The tenant whose traffic; without it: everybody's.")
    var tenant: String?

    @OptionGroup var store: StoreOptions

    func run() async throws {
        guard let tenant else {
            try await store.with { try await $0.setStopped(state == .on) }
            return print(state == .on ? "all traffic is to stop" : "traffic may go on, but for stopped tenants")
        }
        let changed = try await store.with { try await $0.setStopped(state == .on, tenant: tenant) }
        try Listing.show(changed.map { JSONObject($0) }, orElse: "there is no such tenant")
    }
}
