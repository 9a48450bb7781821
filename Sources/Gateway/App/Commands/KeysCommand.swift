import ArgumentParser
import Foundation
import GatewayConfiguration
import GatewayCore
import GatewayCrypto

struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys", abstract: "API keys of this gateway.", subcommands: [Create.self, List.self, Revoke.self, Rotate.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create", abstract: "Makes a key and prints it, once.",
            discussion: """
                With a store (--store or DATABASE_URL) the key is good at once on every replica. Without one, the entry for `auth.keys` of the \
                configuration file is printed with it, which holds only a keyed hash. The pepper of the hashes is read from AGENTSHIELD_PEPPER, \
                or from the file that AGENTSHIELD_PEPPER_FILE names.
                """)

        @Option(name: .long, help: "What the key is called in logs and the ledger.")
        var id: String

        @Option(name: .long, help: "Whose key it is.")
        var tenant: String

        @Flag(name: .long, help: "A key for development: refused where the gateway listens to more than this machine. Not with a store.")
        var development = false

        @Flag(name: .long, help: "Print one JSON object, the key in it.")
        var json = false

        @OptionGroup(title: "In a store") var permissions: PermissionOptions
        @OptionGroup var store: StoreOptions
        @OptionGroup var pepper: PepperOptions

        func run() async throws {
            let secret = try pepper.pepper()
            guard try store.isGiven() else { return try printEntry(secret) }
            guard !development else { throw ValidationError("--development marks keys of the configuration file alone") }
            let issued = try IssuedKey.make(pepper: secret, pepperID: pepper.pepperID)
            let (granted, end) = (try permissions.value(), try permissions.expiry())
            let key = try await store.with { store in
                try await store.createKey(
                    id, in: tenant, hash: issued.hash, department: permissions.department, user: permissions.user, permissions: granted,
                    expiresAtUnixSeconds: end)
            }
            try Listing.show(key, issued, isJSON: json)
        }

        private func printEntry(_ pepper: Secret) throws {
            guard !permissions.isGiven else {
                throw ValidationError(
                    "without a store, a key's rights stand in the configuration file: give --store FILE, or set DATABASE_URL")
            }
            guard let key = try NewKey.make(id: id, tenant: tenant, isDevelopment: development, pepper: pepper, random: secureRandom) else {
                throw ValidationError("--id and --tenant take 1 to 64 letters, digits, `.`, `_` and `-`")
            }
            guard !json else { return try Listing.show([JSONObject(["key": key.key, "entry": key.entry])]) }
            print("key (shown once, kept nowhere):\n  \(key.key)\n\nentry for auth.keys of the configuration file:\n  \(key.entry)")
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "Prints a tenant's keys, one JSON object a line.")

        @Option(name: .long, help: "Whose keys.")
        var tenant: String

        @OptionGroup var store: StoreOptions

        func run() async throws {
            try await store.with { store in
                try await Pages.each(of: tenant, in: store, { id in try await store.keys(of: tenant, after: id) }, \.id) {
                    try Listing.show($0.map { JSONObject($0) })
                }
            }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "revoke", abstract: "Ends a key for good, on every replica within a second.")

        @Option(name: .long, help: "The key's id.")
        var id: String

        @Option(name: .long, help: "Whose key it is.")
        var tenant: String

        @OptionGroup var store: StoreOptions
        @OptionGroup var confirmation: Confirmation

        func run() async throws {
            try confirmation.ask("End the key `\(id)` of the tenant `\(tenant)` for good?")
            let key = try await store.with { try await $0.revokeKey(id, in: tenant) }
            try Listing.show(key.map { JSONObject($0) }, orElse: "the tenant has no such key")
        }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rotate", abstract: "Gives a key another secret and prints it, once. The one before it is good for some time more."
        )

        @Option(name: .long, help: "The key's id.")
        var id: String

        @Option(name: .long, help: "Whose key it is.")
        var tenant: String

        @Option(name: .long, help: "How long the secret before it is good: 30m, 24h, 7d; 0s: no longer.")
        var overlap = "24h"

        @Flag(name: .long, help: "Print one JSON object, the key in it.")
        var json = false

        @OptionGroup var store: StoreOptions
        @OptionGroup var pepper: PepperOptions

        func run() async throws {
            let seconds = try Given.duration(overlap, "--overlap").components.seconds
            let issued = try IssuedKey.make(pepper: try pepper.pepper(), pepperID: pepper.pepperID)
            let key = try await store.with { try await $0.rotateKey(id, in: tenant, hash: issued.hash, overlapSeconds: seconds) }
            guard let key else { throw Refused("the tenant has no such key, or it is revoked", status: 66).told }
            try Listing.show(key, issued, isJSON: json)
        }
    }
}

/// What a key may do.
struct PermissionOptions: ParsableArguments {
    @Option(name: .long, help: "The part of the tenant that pays; must be there.")
    var department: String?

    @Option(name: .long, help: "The person or service that calls; must be there.")
    var user: String?

    @Option(name: .long, help: "Models and aliases that the key may name, separated by commas; `*` at an end stands for any rest.")
    var models: String?

    @Option(name: .long, help: "Requests per minute.")
    var requestsPerMinute: Int64?

    @Option(name: .long, help: "Model tokens per minute.")
    var tokensPerMinute: Int64?

    @Option(name: .long, help: "Requests under way at once.")
    var concurrentStreams: Int64?

    @Option(name: .long, help: "Name of a scrubbing policy of the configuration file.")
    var scrub: String?

    @Option(name: .long, help: "When the key ends: 2027-01-31T00:00:00Z, or in how long: 90d.")
    var expires: String?

    func value() throws -> KeyPermissions {
        let names = models?.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
        if names?.isEmpty == true { throw ValidationError("--models names none; leave it out for all of them") }
        for (option, limit) in [
            ("--requests-per-minute", requestsPerMinute), ("--tokens-per-minute", tokensPerMinute),
            ("--concurrent-streams", concurrentStreams),
        ] {
            if let limit, limit < 1 { throw ValidationError("\(option) is at least 1; leave it out for no limit of the key's own") }
        }
        return KeyPermissions(
            allowedModels: names, requestsPerMinute: requestsPerMinute, tokensPerMinute: tokensPerMinute,
            concurrentStreams: concurrentStreams, scrubPolicy: scrub)
    }

    var isGiven: Bool {
        let texts = [models, scrub, department, user, expires]
        return texts.contains { $0 != nil } || [requestsPerMinute, tokensPerMinute, concurrentStreams].contains { $0 != nil }
    }

    func expiry() throws -> Int64? {
        guard let expires else { return nil }
        let now = Int64(Date().timeIntervalSince1970)
        if let instant = try? TimestampText.parse(expires) {
            guard instant > now else { throw ValidationError("--expires is over: the key would never be good") }
            return instant
        }
        return now + (try Given.duration(expires, "--expires")).components.seconds
    }
}

/// Values of options that the command line's parser does not know.
enum Given {
    static func duration(_ text: String, _ option: String) throws -> Duration {
        do throws(ValueProblem) {
            return try DurationText.parse(text)
        } catch {
            throw ValidationError("\(option) \(error.problem); \(error.remedy)")
        }
    }
}

/// Listings page by page.
enum Pages {
    /// As below, of what belongs to a tenant, which must be there: an empty listing may be a mistyped name.
    static func each<Record>(
        of tenant: String, in store: any ControlStore, _ page: (_ after: String) async throws -> [Record], _ id: (Record) -> String,
        _ body: ([Record]) throws -> Void
    ) async throws {
        var isEmpty = true
        try await each(page, id) { records in
            isEmpty = false
            try body(records)
        }
        guard isEmpty, try await store.tenant(tenant) == nil else { return }
        throw Refused("there is no such tenant", status: 66)
    }

    static func each<Record>(
        _ page: (_ after: String) async throws -> [Record], _ id: (Record) -> String, _ body: ([Record]) throws -> Void
    ) async throws {
        var last = ""
        while case let records = try await page(last), let final = records.last {
            try body(records)
            last = id(final)
        }
    }
}
