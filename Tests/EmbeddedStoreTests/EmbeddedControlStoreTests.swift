import Foundation
import GatewayCore
import ProcessSupport
import Testing

@testable import EmbeddedStore

@Suite("Tenants and keys in a SQLite file")
struct EmbeddedControlStoreTests {
    private static func hash(_ number: UInt8, pepperID: String = "p1") throws -> KeyHash {
        KeyHash(pepperID: pepperID, digest: try #require(CredentialDigest((0..<32).map { $0 == 31 ? number : 7 })))
    }

    private static func with(_ body: (EmbeddedControlStore, _ path: String) async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.appendingPathComponent("control.sqlite").path
            let store = try EmbeddedControlStore(path: path)
            try await body(store, path)
            await store.close()
        }
    }

    private static func createKey(
        _ id: String, in tenant: String = "acme", _ number: UInt8, _ store: EmbeddedControlStore, expires: Int64? = nil
    ) async throws -> KeyRecord {
        try await store.createKey(
            id, in: tenant, hash: hash(number), department: nil, user: nil, permissions: KeyPermissions(), expiresAtUnixSeconds: expires)
    }

    @Test("a key is found by its hash with all that it may, until it is revoked")
    func life() async throws {
        try await Self.with { store, _ in
            let tenant = try await store.createTenant("acme", name: "Acme", region: "eu-west-1")
            #expect(tenant == Tenant(id: "acme", name: "Acme", region: "eu-west-1", pausedAtUnixSeconds: nil))
            _ = try await store.createDepartment("sales", name: "Sales", in: "acme")
            _ = try await store.createUser("ann@acme.example", name: "Ann", department: "sales", in: "acme")
            let permissions = KeyPermissions(
                allowedModels: ["gpt-*", "claude-\"x\""], requestsPerMinute: 60, tokensPerMinute: 90_000, concurrentStreams: 4,
                scrubPolicy: "strict")
            let key = try await store.createKey(
                "k1", in: "acme", hash: Self.hash(1), department: "sales", user: "ann@acme.example", permissions: permissions,
                expiresAtUnixSeconds: 4_000_000_000)
            #expect(key.permissions == permissions && key.epoch == 1)
            let answer = try await store.lookUp([Self.hash(1)])
            #expect(answer.found == KeyLookUp(key: key, tenant: tenant, endsAtUnixSeconds: 4_000_000_000, isValid: true))
            #expect(try await store.lookUp([Self.hash(2)]).found == nil)
            #expect(try await store.lookUp([Self.hash(1, pepperID: "p2")]).found == nil)
            #expect(try await store.lookUp([Self.hash(9, pepperID: "p2"), Self.hash(1)]) == answer)

            let revoked = try #require(try await store.revokeKey("k1", in: "acme"))
            #expect(revoked.epoch == 2 && revoked.revokedAtUnixSeconds != nil)
            #expect(try await store.revokeKey("k1", in: "acme") == revoked)
            #expect(try await store.lookUp([Self.hash(1)]).found?.isValid == false)
            #expect(try await store.rotateKey("k1", in: "acme", hash: Self.hash(3), overlapSeconds: 60) == nil)
            #expect(try await store.keys(of: "acme", after: "") == [revoked])
            #expect(try await store.key("k1", in: "acme") == revoked)
            #expect(try await store.departments(of: "acme", after: "").map(\.name) == ["Sales"])
            #expect(try await store.users(of: "acme", after: "").map(\.department) == ["sales"])
        }
    }

    @Test("after a rotation both secrets are good until the overlap is over")
    func rotation() async throws {
        try await Self.with { store, _ in
            _ = try await store.createTenant("acme", name: "Acme", region: nil)
            _ = try await Self.createKey("k", 1, store)
            #expect(try await store.rotateKey("k", in: "acme", hash: Self.hash(2), overlapSeconds: 3_600)?.epoch == 2)
            let (old, new) = (try await store.lookUp([Self.hash(1)]).found, try await store.lookUp([Self.hash(2)]).found)
            #expect(old?.isValid == true && old?.endsAtUnixSeconds != nil)
            #expect(new?.isValid == true && new?.endsAtUnixSeconds == nil)
            // Another rotation without an overlap ends all before it.
            _ = try await store.rotateKey("k", in: "acme", hash: Self.hash(3), overlapSeconds: 0)
            #expect(try await store.lookUp([Self.hash(1)]).found?.isValid == false)
            #expect(try await store.lookUp([Self.hash(2)]).found?.isValid == false)
            #expect(try await store.lookUp([Self.hash(3)]).found?.isValid == true)
            // The next one takes those away that have ended.
            _ = try await store.rotateKey("k", in: "acme", hash: Self.hash(4), overlapSeconds: 60)
            for gone in [1, 2] as [UInt8] { #expect(try await store.lookUp([Self.hash(gone)]).found == nil) }
            #expect(try await store.lookUp([Self.hash(3)]).found?.isValid == true)
            // A hash that is taken leaves everything as it was.
            await #expect(throws: ControlError.alreadyExists) {
                try await store.rotateKey("k", in: "acme", hash: Self.hash(3), overlapSeconds: 0)
            }
            #expect(try await store.lookUp([Self.hash(3)]).found?.key.epoch == 4)
            _ = try await Self.createKey("past", 5, store, expires: 1_000)
            #expect(try await store.lookUp([Self.hash(5)]).found?.isValid == false)
        }
    }

    @Test("every change has a revision, by whatever process, and is told once")
    func revisions() async throws {
        try await Self.with { store, path in
            #expect(try await store.changes(after: nil) == ControlChanges(revision: 0, changes: nil, isStopped: false))
            let other = try EmbeddedControlStore(path: path)
            _ = try await other.createTenant("acme", name: "Acme", region: nil)
            _ = try await Self.createKey("k", 1, other)
            let made = try await store.changes(after: 0)
            #expect(made.revision == 3)
            #expect(made.changes == [.tenant("acme"), .key(tenant: "acme", id: "k"), .key(tenant: "acme", id: "k")])
            #expect(try await store.lookUp([Self.hash(1)]).revision == 3)
            #expect(try await store.lookUp([Self.hash(2)]) == KeyAnswer(revision: 3, found: nil))
            _ = try await other.revokeKey("k", in: "acme")
            let paused = try await other.changeTenant("acme", TenantChange(isPaused: true))
            #expect(try await store.changes(after: 3).changes == [.key(tenant: "acme", id: "k"), .tenant("acme")])
            #expect(try await store.lookUp([Self.hash(1)]).found?.tenant == paused)
            try await other.setStopped(true)
            #expect(try await store.changes(after: 5) == ControlChanges(revision: 6, changes: [], isStopped: true))
            try await other.setStopped(false)
            let last = try await store.changes(after: 6)
            #expect(last == ControlChanges(revision: 7, changes: [], isStopped: false))
            // Of a revision that is not there yet, or no longer told, everything may have changed.
            #expect(try await store.changes(after: 8).changes == nil)
            for number in 0..<1_001 {
                _ = try await other.changeTenant("acme", TenantChange(region: number % 2 == 0 ? .only("eu") : .anywhere))
            }
            #expect(try await store.changes(after: 7).changes == nil)
            #expect(try await store.changes(after: 1_007).changes == [.tenant("acme")])
            await other.close()
        }
    }

    @Test("what the schema refuses is told by name, and what is taken as taken")
    func refusals() async throws {
        try await Self.with { store, _ in
            _ = try await store.createTenant("acme", name: "Acme", region: nil)
            await #expect(throws: ControlError.alreadyExists) { try await store.createTenant("acme", name: "Other", region: nil) }
            for id in ["", "no spaces", String(repeating: "a", count: 65), "ü", "a'b"] {
                await #expect(throws: ControlError.invalid(constraint: "tenants_id_check")) {
                    try await store.createTenant(id, name: "x", region: nil)
                }
            }
            await #expect(throws: ControlError.invalid(constraint: "tenants_region_check")) {
                try await store.changeTenant("acme", TenantChange(isPaused: true, region: .only("e u")))
            }
            #expect(try await store.tenant("acme")?.pausedAtUnixSeconds == nil)
            let all = try await store.changeTenant("acme", TenantChange(isPaused: true, isStopped: true, region: .only("eu")))
            #expect(all?.pausedAtUnixSeconds != nil && all?.stoppedAtUnixSeconds != nil && all?.region == "eu")
            #expect(try await store.changeTenant("acme", TenantChange()) == all)
            let none = try await store.changeTenant("acme", TenantChange(isPaused: false, isStopped: false, region: .anywhere))
            #expect(none == Tenant(id: "acme", name: "Acme", region: nil, pausedAtUnixSeconds: nil))
            _ = try await Self.createKey("k", 1, store)
            await #expect(throws: ControlError.alreadyExists) { try await Self.createKey("other", 1, store) }
            #expect(try await store.key("other", in: "acme") == nil)
            await #expect(throws: ControlError.unknownReference) { try await Self.createKey("k", in: "nobody", 2, store) }
            await #expect(throws: ControlError.invalid(constraint: "api_keys_allowed_models_check")) {
                try await store.createKey(
                    "k2", in: "acme", hash: Self.hash(3), department: nil, user: nil,
                    permissions: KeyPermissions(allowedModels: ["a\nb"]), expiresAtUnixSeconds: nil)
            }
            await #expect(throws: ControlError.invalid(constraint: "api_keys_tokens_per_minute_check")) {
                try await store.createKey(
                    "k2", in: "acme", hash: Self.hash(3), department: nil, user: nil, permissions: KeyPermissions(tokensPerMinute: 0),
                    expiresAtUnixSeconds: nil)
            }
        }
    }

    @Test("a tenant with another's ids finds and changes nothing of theirs")
    func isolation() async throws {
        try await Self.with { store, _ in
            for tenant in ["acme", "umbrella"] { _ = try await store.createTenant(tenant, name: tenant, region: nil) }
            _ = try await store.createDepartment("sales", name: "Sales", in: "acme")
            _ = try await store.createUser("ann", name: "Ann", department: "sales", in: "acme")
            let key = try await Self.createKey("k", 1, store)
            #expect(try await store.key("k", in: "umbrella") == nil)
            #expect(try await store.revokeKey("k", in: "umbrella") == nil)
            #expect(try await store.rotateKey("k", in: "umbrella", hash: Self.hash(2), overlapSeconds: 0) == nil)
            #expect(try await store.keys(of: "umbrella", after: "").isEmpty)
            #expect(try await store.users(of: "umbrella", after: "").isEmpty)
            #expect(try await store.departments(of: "umbrella", after: "").isEmpty)
            await #expect(throws: ControlError.unknownReference) {
                try await store.createUser("bob", name: "Bob", department: "sales", in: "umbrella")
            }
            await #expect(throws: ControlError.unknownReference) {
                try await store.createKey(
                    "k", in: "umbrella", hash: Self.hash(2), department: nil, user: "ann", permissions: KeyPermissions(),
                    expiresAtUnixSeconds: nil)
            }
            #expect(try await store.key("k", in: "acme") == key)
        }
    }

    @Test("the files are their owner's alone, also one that was not, and what is no store is refused")
    func files() async throws {
        try await Self.with { store, path in
            _ = try await store.createTenant("acme", name: "Acme", region: nil)
            for suffix in ["", "-wal", "-shm"] {
                let attributes = try FileManager.default.attributesOfItem(atPath: path + suffix)
                #expect(attributes[.posixPermissions] as? Int == 0o600, "\(suffix)")
            }
            let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
            let open = folder.appendingPathComponent("open.sqlite").path
            #expect(FileManager.default.createFile(atPath: open, contents: nil, attributes: [.posixPermissions: 0o644]))
            await (try EmbeddedControlStore(path: open)).close()
            #expect(try FileManager.default.attributesOfItem(atPath: open)[.posixPermissions] as? Int == 0o600)
            let text = folder.appendingPathComponent("text").path
            try Data("this is no database, and far longer than a header would be".utf8).write(to: URL(fileURLWithPath: text))
            #expect(throws: ControlError.self) { try EmbeddedControlStore(path: text) }
            #expect(throws: ControlError.self) { try EmbeddedControlStore(path: folder.path) }
            #expect(throws: ControlError.self) { try EmbeddedControlStore(path: folder.path + "/missing/control.sqlite") }
        }
    }

    @Test("prices are kept whole, replaced by their day, and told as a change")
    func prices() async throws {
        try await Self.with { store, _ in
            let entries = [entry("gpt-*", "2026-01-01", 1), entry("gpt-4o", "2025-01-01", 2), entry("gpt-4o", "2026-01-01", 3)]
            try await store.setPrices(entries)
            let revision = try await store.changes(after: nil).revision
            #expect(try await store.prices() == entries)
            try await store.setPrices([entry("gpt-4o", "2026-01-01", 4)])
            #expect(try await store.prices().last?.price.input == 4)
            #expect(try await store.changes(after: revision).changes == [.prices])
        }
        func entry(_ model: String, _ day: String, _ input: UInt64) -> PriceEntry {
            PriceEntry(
                provider: "openai", model: model, from: UTCDay(day) ?? UTCDay(number: 0),
                price: Price(input: input, cacheRead: 0, cacheWrite: 999_999_999_999_999, output: 7))
        }
    }

    @Test("a file of the version before is brought up to this one")
    func upgrades() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.appendingPathComponent("control.sqlite").path
            let store = try EmbeddedControlStore(path: path)
            _ = try await store.createTenant("acme", name: "Acme", region: nil)
            try await store.perform { connection throws(SQLiteError) in
                try connection.execute("DROP TABLE prices; DROP TABLE budgets; PRAGMA user_version = 1")
            }
            await store.close()
            let upgraded = try EmbeddedControlStore(path: path)
            #expect(try await upgraded.prices().isEmpty)
            #expect(try await upgraded.tenant("acme")?.name == "Acme")
            await upgraded.close()
        }
    }

    @Test("a file of a later version is refused, and one that is closed answers so")
    func versions() async throws {
        try await Self.with { store, path in
            try await store.perform { connection throws(SQLiteError) in try connection.execute("PRAGMA user_version = 99") }
            #expect(throws: ControlError.broken("SQLite: the file was made by a later version of agentshield (1)")) {
                try EmbeddedControlStore(path: path)
            }
            await store.close()
            await #expect(throws: ControlError.unavailable("the store is closed")) { try await store.tenant("acme") }
        }
    }

    @Test("listings go on page by page, and many at once are each answered")
    func pages() async throws {
        try await Self.with { store, _ in
            try await withThrowingTaskGroup { group in
                for number in 1_000..<1_600 {
                    group.addTask { _ = try await store.createTenant("t\(number)", name: "T", region: nil) }
                }
                try await group.waitForAll()
            }
            let first = try await store.tenants(after: "")
            #expect(first.count == ControlLimits.maxPage)
            let rest = try await store.tenants(after: first.last?.id ?? "")
            #expect((first + rest).map(\.id) == (1_000..<1_600).map { "t\($0)" })
            #expect(try await store.tenants(named: ["t1500", "nobody", "t1001"]).map(\.id) == ["t1001", "t1500"])
        }
    }
}
