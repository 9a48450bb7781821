import ArgumentParser
import Foundation
import GatewayCore

struct PanicCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "panic", abstract: "Stops all traffic, or a tenant's, on every replica within a second; or lets it go on.",
        discussion: """
            Requests under way end at once, new ones are answered `traffic_stopped` (503). Needs a store that the replicas follow. Where that is out of \
            reach, nothing is stopped, and the command says so: stop the gateways' processes then.
            """)

    enum Switch: String, ExpressibleByArgument, CaseIterable { case on, off, status }

    @Argument(help: "Whether traffic is to stop; `status` only tells.")
    var state: Switch

    @Argument(help: "The tenant whose traffic; without it: everybody's.")
    var tenant: String?

    @OptionGroup var store: StoreOptions
    @OptionGroup var confirmation: Confirmation

    func run() async throws {
        if state == .on, tenant == nil { try confirmation.ask("Stop everybody's traffic?") }
        do {
            try await carryOut()
        } catch let status as ExitCode where state == .on && status != ExitCode(66) {
            throw Refused("Nothing was stopped. Without the store, stop the gateways' processes (SIGTERM).", status: status.rawValue).told
        }
    }

    private func carryOut() async throws {
        guard let tenant else {
            let isStopped = try await store.with { store in
                guard state != .status else { return try await store.changes(after: nil).isStopped }
                try await store.setStopped(state == .on)
                return state == .on
            }
            return try Listing.show([JSONObject(["stopped": isStopped])])
        }
        let told = try await store.with { store in
            state == .status ? try await store.tenant(tenant) : try await store.changeTenant(tenant, TenantChange(isStopped: state == .on))
        }
        try Listing.show(told.map { JSONObject($0) }, orElse: "there is no such tenant")
    }
}
