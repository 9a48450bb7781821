import ArgumentParser
import Foundation
import GatewayCore

struct BudgetsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "budgets", abstract: "What tenants, departments and users may spend: in a day, in a month, in total.",
        subcommands: [Set.self, Remove.self, List.self, Show.self, Reconcile.self])

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "set", abstract: "Sets a budget; every replica keeps to it within a second.",
            discussion: """
                What was spent before counts too: a budget of a month counts the whole month. Gateways count by a durable ledger; one that has none does not \
                start while there are budgets, and serves no request that has one.
                """)

        @OptionGroup var target: BudgetTarget

        @Option(name: .long, help: "USD, with at most 9 decimals: 25.50. At most 9000000.", transform: Self.amount)
        var limit: Int64

        @OptionGroup var store: StoreOptions

        func run() async throws {
            let budget = Budget(tenant: target.tenant, subject: try target.subject, period: target.period, limitNanoUSD: limit)
            try await store.with { store in
                let known = try await store.budgets()
                guard known.count < Budget.maxCount || known.contains(where: { $0.subject == budget.subject && $0.tenant == budget.tenant })
                else {
                    throw Refused("there would be more than \(Budget.maxCount) budgets", status: 65)
                }
                try await store.setBudget(budget)
            }
            try Listing.show([JSONObject(budget)])
        }

        private static func amount(_ text: String) throws -> Int64 {
            guard let amount = USDText.nanoUSD(text) else {
                throw ValidationError("`\(text)` is no amount: write USD from 0 to 9000000 with at most 9 decimals, such as 25.50")
            }
            return amount
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "remove", abstract: "Takes a budget away.")

        @OptionGroup var target: BudgetTarget
        @OptionGroup var store: StoreOptions

        func run() async throws {
            let subject = try target.subject
            let wasThere = try await store.with {
                try await $0.removeBudget(tenant: target.tenant, subject: subject, period: target.period)
            }
            guard wasThere else { throw Refused("there is no such budget", status: 66).told }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "Prints the budgets, one JSON object a line.")

        @OptionGroup var store: StoreOptions

        func run() async throws {
            try Listing.show(try await store.with { try await $0.budgets() }.map { JSONObject($0) })
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show", abstract: "Prints a tenant's budgets and those of its departments and users, one JSON object a line.")

        @Argument(help: "The tenant's id.")
        var tenant: String

        @OptionGroup var store: StoreOptions

        func run() async throws {
            let budgets = try await store.with { try await $0.budgets() }.filter { $0.tenant == tenant }
            guard !budgets.isEmpty else { throw Refused("the tenant \(tenant) has no budget", status: 66).told }
            try Listing.show(budgets.map { JSONObject($0) })
        }
    }
}

/// Whose budget, and of which period.
struct BudgetTarget: ParsableArguments {
    @Argument(help: "The tenant's id.")
    var tenant: String

    @Option(name: .long, help: "A department of the tenant, by the name that its keys have.")
    var department: String?

    @Option(name: .long, help: "A user of the tenant.")
    var user: String?

    @Option(name: .long, help: "day, month or total; days and months are those of UTC.")
    var period: BudgetPeriod

    var subject: BudgetSubject {
        get throws {
            switch (department, user) {
            case (nil, nil): .tenant
            case (let department?, nil): .department(department)
            case (nil, let user?): .user(user)
            case (.some, .some): throw ValidationError("a budget is a department's or a user's: give one of --department and --user")
            }
        }
    }
}

extension BudgetPeriod: ExpressibleByArgument {}

extension JSONObject {
    init(_ budget: Budget) {
        self.init([
            "tenant": budget.tenant, "level": budget.subject.level, "name": budget.subject.name, "period": budget.period.rawValue,
            "limit_usd": USDText.text(UInt64(max(0, budget.limitNanoUSD))), "limit_nano_usd": budget.limitNanoUSD,
        ])
    }
}
