import ArgumentParser
import GatewayCore

struct TenantsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tenants", abstract: "Tenants in the store: whose keys there are.",
        subcommands: [Create.self, List.self, Pause.self, Resume.self, Region.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "create", abstract: "Makes a tenant.")

        @Argument(help: "Its id: letters, digits, `.`, `_`, `-`; at most 64.")
        var id: String

        @Option(name: .long, help: "What people call it.")
        var name: String?

        @Option(name: .long, help: "The only region (`replica.region`) whose replicas may serve it.")
        var region: String?

        @OptionGroup var store: StoreOptions

        func run() async throws {
            let tenant = try await store.with(makesFile: true) { try await $0.createTenant(id, name: name ?? id, region: region) }
            try Listing.show([JSONObject(tenant)])
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "Prints the tenants, one JSON object a line.")

        @OptionGroup var store: StoreOptions

        func run() async throws {
            try await store.with { store in
                try await Pages.each({ id in try await store.tenants(after: id) }, \.id) { try Listing.show($0.map { JSONObject($0) }) }
            }
        }
    }

    struct Pause: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "pause", abstract: "Refuses a tenant's requests, on every replica within a second, until it is resumed.")

        @OptionGroup var target: TenantTarget

        func run() async throws { try await target.change(TenantChange(isPaused: true)) }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "resume", abstract: "Lets a paused tenant go on.")

        @OptionGroup var target: TenantTarget

        func run() async throws { try await target.change(TenantChange(isPaused: false)) }
    }

    struct Region: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "region", abstract: "Binds a tenant to the replicas of one region, or lets all serve it.")

        @OptionGroup var target: TenantTarget

        @Option(name: .long, help: "The region; without it: any.")
        var region: String?

        func run() async throws { try await target.change(TenantChange(region: region.map { .only($0) } ?? .anywhere)) }
    }
}

/// One tenant that a command is about.
struct TenantTarget: ParsableArguments {
    @Argument(help: "The tenant's id.")
    var tenant: String

    @OptionGroup var store: StoreOptions

    func change(_ change: TenantChange) async throws {
        let changed = try await store.with { try await $0.changeTenant(tenant, change) }
        try Listing.show(changed.map { JSONObject($0) }, orElse: "there is no such tenant")
    }
}

struct DepartmentsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "departments", abstract: "Departments of tenants in the store: the parts that pay.",
        subcommands: [Create.self, List.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "create", abstract: "Makes a department.")

        @Argument(help: "Its id: letters, digits, `.`, `_`, `-`; at most 64.")
        var id: String

        @Option(name: .long, help: "Whose department.")
        var tenant: String

        @Option(name: .long, help: "What people call it.")
        var name: String?

        @OptionGroup var store: StoreOptions

        func run() async throws {
            let department = try await store.with { try await $0.createDepartment(id, name: name ?? id, in: tenant) }
            try Listing.show([JSONObject(department)])
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "Prints a tenant's departments, one JSON object a line.")

        @Option(name: .long, help: "Whose departments.")
        var tenant: String

        @OptionGroup var store: StoreOptions

        func run() async throws {
            try await store.with { store in
                try await Pages.each(of: tenant, in: store, { id in try await store.departments(of: tenant, after: id) }, \.id) {
                    try Listing.show($0.map { JSONObject($0) })
                }
            }
        }
    }
}

struct UsersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "users", abstract: "Users of tenants in the store: people and services that call.",
        subcommands: [Create.self, List.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "create", abstract: "Makes a user.")

        @Argument(help: "Its id: letters, digits, `.`, `_`, `-`, `@`, `+`; at most 128.")
        var id: String

        @Option(name: .long, help: "Whose user.")
        var tenant: String

        @Option(name: .long, help: "The department to which it belongs.")
        var department: String?

        @Option(name: .long, help: "What people call it.")
        var name: String?

        @OptionGroup var store: StoreOptions

        func run() async throws {
            let user = try await store.with { try await $0.createUser(id, name: name ?? id, department: department, in: tenant) }
            try Listing.show([JSONObject(user)])
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "Prints a tenant's users, one JSON object a line.")

        @Option(name: .long, help: "Whose users.")
        var tenant: String

        @OptionGroup var store: StoreOptions

        func run() async throws {
            try await store.with { store in
                try await Pages.each(of: tenant, in: store, { id in try await store.users(of: tenant, after: id) }, \.id) {
                    try Listing.show($0.map { JSONObject($0) })
                }
            }
        }
    }
}
