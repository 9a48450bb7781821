import GatewayCore
import GatewayCrypto
import PostgresStore
import ProcessSupport
import SeededRandomness
import Testing

extension ServerTests {
    @Suite("Control plane")
    struct ControlPlaneTests {
        private static func hash(_ number: UInt64, pepperID: String = "p1") throws -> KeyHash {
            try TestHash.make(number, pepperID: pepperID)
        }

        private static func with(_ body: (ControlPlane, PostgresDriver) async throws -> Void) async throws {
            try await PostgresCluster.withDatabase(isMigrated: true) { driver, _ in
                try await body(ControlPlane(driver, timeout: patience), driver)
            }
        }

        @Test("a key is found by its hash with all that it may, until it is revoked")
        func life() async throws {
            try await Self.with { plane, _ in
                let tenant = try await plane.createTenant("acme", name: "Acme", region: "eu-west-1")
                #expect(tenant == Tenant(id: "acme", name: "Acme", region: "eu-west-1", pausedAtUnixSeconds: nil))
                _ = try await plane.createDepartment("sales", name: "Sales", in: "acme")
                _ = try await plane.createUser("ann@acme.example", name: "Ann", department: "sales", in: "acme")
                let permissions = KeyPermissions(
                    allowedModels: ["gpt-*", "claude-\"x\""], requestsPerMinute: 60, tokensPerMinute: 90_000, concurrentStreams: 4,
                    scrubPolicy: "strict")
                let hash = try Self.hash(1)
                let key = try await plane.createKey(
                    "k1", in: "acme", hash: hash, department: "sales", user: "ann@acme.example", permissions: permissions,
                    expiresAtUnixSeconds: 4_000_000_000)
                #expect(key.permissions == permissions)
                #expect(key.epoch == 1)
                let found = try #require(try await plane.lookUp(hash))
                #expect(found == KeyLookUp(key: key, tenant: tenant, endsAtUnixSeconds: 4_000_000_000, isValid: true))
                #expect(try await plane.lookUp(Self.hash(2)) == nil)
                #expect(try await plane.lookUp(Self.hash(1, pepperID: "p2")) == nil)

                let revoked = try #require(try await plane.revokeKey("k1", in: "acme"))
                #expect(revoked.epoch == 2 && revoked.revokedAtUnixSeconds != nil)
                #expect(try await plane.revokeKey("k1", in: "acme") == revoked)
                #expect(try await plane.lookUp(hash)?.isValid == false)
                #expect(try await plane.lookUp(hash)?.key.epoch == 2)
                #expect(try await plane.rotateKey("k1", in: "acme", hash: Self.hash(3), overlapSeconds: 60) == nil)
            }
        }

        @Test("prices are kept whole, replaced by their day, and told as a change")
        func prices() async throws {
            try await Self.with { plane, _ in
                func entry(_ model: String, _ day: String, _ input: UInt64) -> PriceEntry {
                    PriceEntry(
                        provider: "openai", model: model, from: UTCDay(day) ?? UTCDay(number: 0),
                        price: Price(input: input, cacheRead: 0, cacheWrite: 999_999_999_999_999, output: 7))
                }
                let entries = [entry("gpt-\"x\"", "2026-01-01", 1), entry("gpt-4o", "2025-01-01", 2), entry("gpt-4o", "2026-01-01", 3)]
                let revision = try await plane.changes(after: nil).revision
                try await plane.setPrices(entries)
                #expect(try await plane.prices().sorted { $0.price.input < $1.price.input } == entries)
                #expect(try await plane.changes(after: revision).changes.map { Set($0) } == [.prices])
                try await plane.setPrices([entry("gpt-4o", "2026-01-01", 4)])
                #expect(try await plane.prices().map(\.price.input).sorted() == [1, 2, 4])
            }
        }

        @Test("after a rotation both secrets are good until the overlap is over")
        func rotation() async throws {
            try await Self.with { plane, driver in
                _ = try await plane.createTenant("acme", name: "Acme")
                _ = try await plane.createKey("k", in: "acme", hash: Self.hash(1))
                let rotated = try #require(try await plane.rotateKey("k", in: "acme", hash: Self.hash(2), overlapSeconds: 3_600))
                #expect(rotated.epoch == 2)
                let (old, new) = (try await plane.lookUp(Self.hash(1)), try await plane.lookUp(Self.hash(2)))
                #expect(old?.isValid == true && old?.endsAtUnixSeconds != nil)
                #expect(new?.isValid == true && new?.endsAtUnixSeconds == nil)
                #expect(old?.key == new?.key)
                // Another rotation without an overlap ends all before it.
                _ = try await plane.rotateKey("k", in: "acme", hash: Self.hash(3), overlapSeconds: 0)
                #expect(try await plane.lookUp(Self.hash(1))?.isValid == false)
                #expect(try await plane.lookUp(Self.hash(2))?.isValid == false)
                #expect(try await plane.lookUp(Self.hash(3))?.isValid == true)
                // The next one takes those away that have ended.
                _ = try await plane.rotateKey("k", in: "acme", hash: Self.hash(4), overlapSeconds: 0)
                _ = try await plane.rotateKey("k", in: "acme", hash: Self.hash(5), overlapSeconds: 3_600)
                for gone in 1...3 as ClosedRange<UInt64> { #expect(try await plane.lookUp(Self.hash(gone)) == nil) }
                #expect(try await plane.lookUp(Self.hash(4))?.isValid == true)
                // A hash that is taken leaves the old one the current one.
                await #expect(throws: ControlError.alreadyExists) {
                    try await plane.rotateKey("k", in: "acme", hash: Self.hash(5), overlapSeconds: 0)
                }
                #expect(try await plane.lookUp(Self.hash(5))?.isValid == true)
                _ = try await driver.rows("UPDATE agentshield.api_keys SET expires_at = now() - interval '1 second'")
                #expect(try await plane.lookUp(Self.hash(5))?.isValid == false)
            }
        }

        @Test("of rotations at once each has its effect, and one secret is the current one")
        func rotationsAtOnce() async throws {
            try await PostgresCluster.withDatabase(isMigrated: true, settings: .connections(4)) { driver, _ in
                let plane = ControlPlane(driver, timeout: patience)
                _ = try await plane.createTenant("acme", name: "Acme")
                _ = try await plane.createKey("k", in: "acme", hash: Self.hash(0))
                let epochs = try await withThrowingTaskGroup { group in
                    for number in 1...12 {
                        group.addTask {
                            try await plane.rotateKey("k", in: "acme", hash: Self.hash(UInt64(number)), overlapSeconds: 60)?.epoch
                        }
                    }
                    return try await group.reduce(into: Set<Int64?>()) { $0.insert($1) }
                }
                #expect(epochs == Set((2...13).map { Int64($0) }))
                let current = try await driver.rows(
                    "SELECT count(*) FILTER (WHERE expires_at IS NULL), count(*) FROM agentshield.api_key_hashes")
                #expect(current == [["1", "13"]])
            }
        }

        @Test("what holds for a tenant is told with each of its keys, which stay as they are")
        func pauses() async throws {
            try await Self.with { plane, _ in
                _ = try await plane.createTenant("acme", name: "Acme")
                _ = try await plane.createKey("k", in: "acme", hash: Self.hash(1))
                for isPaused in [true, true, false, false] {
                    let tenant = try await plane.changeTenant("acme", TenantChange(isPaused: isPaused))
                    #expect((tenant?.pausedAtUnixSeconds != nil) == isPaused)
                    #expect(try await plane.lookUp(Self.hash(1))?.tenant == tenant)
                }
                let stopped = try await plane.changeTenant("acme", TenantChange(isStopped: true))
                #expect(stopped?.stoppedAtUnixSeconds != nil)
                let bound = try await plane.changeTenant("acme", TenantChange(region: .only("eu")))
                #expect(bound?.region == "eu" && bound?.stoppedAtUnixSeconds != nil)
                #expect(try await plane.tenants(named: ["nobody", "acme"]) == [bound])
                // One part that is refused refuses the others with it.
                await #expect(throws: ControlError.invalid(constraint: "tenants_region_check")) {
                    try await plane.changeTenant("acme", TenantChange(isPaused: true, isStopped: false, region: .only("e u")))
                }
                #expect(try await plane.tenants(named: ["acme"]) == [bound])
                let found = try #require(try await plane.lookUp(Self.hash(1)))
                #expect(found.isValid && found.tenant == bound && found.key.epoch == 1)
                #expect(try await plane.changeTenant("nobody", TenantChange(isPaused: true)) == nil)
                #expect(try await plane.changeTenant("nobody", TenantChange(isStopped: true)) == nil)
                #expect(try await plane.changeTenant("nobody", TenantChange(region: .anywhere)) == nil)
            }
        }

        @Test("every change has a revision, and replicas learn which keys and tenants they must look at anew")
        func revisions() async throws {
            try await Self.with { plane, driver in
                let start = try await plane.changes(after: nil)
                #expect(start == ControlChanges(revision: 0, changes: nil, isStopped: false))
                #expect(try await plane.changes(after: 0).changes == [])
                _ = try await plane.createTenant("acme", name: "Acme")
                _ = try await plane.createKey("k", in: "acme", hash: Self.hash(1))
                let made = try await plane.changes(after: 0)
                #expect(made.revision == 3)
                #expect(made.changes == [.tenant("acme"), .key(tenant: "acme", id: "k"), .key(tenant: "acme", id: "k")])
                #expect(try await plane.lookUp([Self.hash(1)]).revision == 3)
                #expect(try await plane.lookUp([Self.hash(2)]) == KeyAnswer(revision: 3, found: nil))
                _ = try await plane.revokeKey("k", in: "acme")
                _ = try await plane.changeTenant("acme", TenantChange(isPaused: true))
                #expect(try await plane.changes(after: 3).changes == [.key(tenant: "acme", id: "k"), .tenant("acme")])
                try await plane.setStopped(true)
                #expect(try await plane.changes(after: 5) == ControlChanges(revision: 6, changes: [], isStopped: true))
                try await plane.setStopped(false)
                #expect(try await plane.changes(after: 7).isStopped == false)
                // Of a revision that is not there yet, or no longer told, everything may have changed.
                #expect(try await plane.changes(after: 8).changes == nil)
                _ = try await driver.rows("UPDATE agentshield.tenants SET name = 'A'")
                #expect(try await plane.changes(after: 8).changes == [])
                _ = try await driver.rows(
                    "INSERT INTO agentshield.tenants (id, name) SELECT 't' || n, 'T' FROM generate_series(1, 1001) AS n")
                let many = try await plane.changes(after: 8)
                #expect(many.revision == 1_009 && many.changes == nil)
                #expect(try await plane.changes(after: 1_008).changes == [.tenant("t1001")])
            }
        }

        @Test("what the schema refuses is told by name, and what is taken as taken")
        func refusals() async throws {
            try await Self.with { plane, _ in
                _ = try await plane.createTenant("acme", name: "Acme")
                await #expect(throws: ControlError.alreadyExists) { try await plane.createTenant("acme", name: "Other") }
                await #expect(throws: ControlError.invalid(constraint: "tenants_id_check")) {
                    try await plane.createTenant("no spaces", name: "x")
                }
                _ = try await plane.createKey("k", in: "acme", hash: Self.hash(1))
                await #expect(throws: ControlError.alreadyExists) {
                    try await plane.createKey("other", in: "acme", hash: Self.hash(1))
                }
                #expect(try await plane.key("other", in: "acme") == nil)
                await #expect(throws: ControlError.unknownReference) {
                    try await plane.createKey("k", in: "nobody", hash: Self.hash(2))
                }
                await #expect(throws: ControlError.invalid(constraint: "api_keys_tokens_per_minute_check")) {
                    try await plane.createKey("k2", in: "acme", hash: Self.hash(3), permissions: KeyPermissions(tokensPerMinute: 0))
                }
            }
        }

        @Test("listings go on page by page")
        func pages() async throws {
            try await Self.with { plane, driver in
                _ = try await driver.rows(
                    "INSERT INTO agentshield.tenants (id, name) SELECT 't' || n, 'T' FROM generate_series(1000, 1599) AS n")
                let first = try await plane.tenants()
                #expect(first.count == ControlLimits.maxPage)
                let rest = try await plane.tenants(after: first.last?.id ?? "")
                #expect((first + rest).map(\.id) == (1000..<1600).map { "t\($0)" })
            }
        }

        @Test("tenants with the same ids see and change only their own", arguments: 0..<6)
        func isolation(_ seed: UInt64) async throws {
            try await Self.with { plane, _ in
                var model = TenantModel(random: SeededRandom(seed: seed))
                for tenant in TenantModel.tenants { _ = try await plane.createTenant(tenant, name: tenant) }
                for _ in 0..<60 { try await model.step(plane) }
                for tenant in TenantModel.tenants {
                    #expect(Set(try await plane.departments(of: tenant).map(\.id)) == model.departments[tenant, default: []])
                    #expect(
                        try await plane.users(of: tenant).reduce(into: [:]) { $0[$1.id] = .some($1.department) }
                            == model.users[tenant, default: [:]])
                    let keys = try await plane.keys(of: tenant)
                    #expect(keys.allSatisfy { $0.tenant == tenant })
                    #expect(keys.reduce(into: [:]) { $0[$1.id] = $1.epoch } == model.keys[tenant, default: [:]].mapValues(\.epoch))
                    #expect(
                        keys.reduce(into: [:]) { $0[$1.id] = $1.revokedAtUnixSeconds != nil }
                            == model.keys[tenant, default: [:]].mapValues(\.isRevoked))
                }
                for (number, owner) in model.hashes {
                    let found = try await plane.lookUp(try TestHash.make(UInt64(number), pepperID: "p"))
                    #expect(found?.key.tenant == owner.tenant && found?.key.id == owner.key)
                }
            }
        }
    }
}

enum TestHash {
    static func make(_ number: UInt64, pepperID: String = "p1") throws -> KeyHash {
        let digest = Digest.sha256(Array("\(number)".utf8)).withUnsafeBytes { CredentialDigest($0) }
        return KeyHash(pepperID: pepperID, digest: try #require(digest))
    }
}

extension ControlPlane {
    /// The tests' short forms.
    func createTenant(_ id: String, name: String) async throws(ControlError) -> Tenant {
        try await createTenant(id, name: name, region: nil)
    }

    func lookUp(_ hash: KeyHash) async throws(ControlError) -> KeyLookUp? { try await lookUp([hash]).found }
    func tenants() async throws(ControlError) -> [Tenant] { try await tenants(after: "") }
    func departments(of tenant: String) async throws(ControlError) -> [Department] { try await departments(of: tenant, after: "") }
    func users(of tenant: String) async throws(ControlError) -> [User] { try await users(of: tenant, after: "") }
    func keys(of tenant: String) async throws(ControlError) -> [KeyRecord] { try await keys(of: tenant, after: "") }
}

/// What two tenants have who use the same few ids, told beforehand what each operation must come to.
private struct TenantModel {
    struct Key {
        var epoch: Int64 = 1
        var isRevoked = false
    }

    static let tenants = ["a", "b"]
    private static let ids = ["x", "y", "z"]

    private(set) var departments: [String: Set<String>] = [:]
    private(set) var users: [String: [String: String?]] = [:]
    private(set) var keys: [String: [String: Key]] = [:]
    private(set) var hashes: [Int: (tenant: String, key: String)] = [:]
    private var random: SeededRandom

    init(random: SeededRandom) { self.random = random }

    mutating func step(_ plane: ControlPlane) async throws {
        let (tenant, id) = (pick(Self.tenants), pick(Self.ids))
        switch Int.random(in: 0..<5, using: &random) {
        case 0:
            let isNew = departments[tenant, default: []].insert(id).inserted
            let error = await Self.error { try await plane.createDepartment(id, name: "", in: tenant) }
            #expect(error == (isNew ? nil : .alreadyExists))
        case 1: try await createUser(id, in: tenant, plane)
        case 2: try await createKey(id, in: tenant, plane)
        case 3:
            let revoked = try await plane.revokeKey(id, in: tenant)
            if var key = keys[tenant]?[id] {
                if !key.isRevoked { key.epoch += 1 }
                key.isRevoked = true
                keys[tenant]?[id] = key
            }
            #expect(revoked?.epoch == keys[tenant]?[id]?.epoch)
        default:
            let (number, hash) = try nextHash()
            let rotated = try await plane.rotateKey(id, in: tenant, hash: hash, overlapSeconds: 60)
            if var key = keys[tenant]?[id], !key.isRevoked {
                key.epoch += 1
                keys[tenant]?[id] = key
                hashes[number] = (tenant, id)
                #expect(rotated?.epoch == key.epoch)
            } else {
                #expect(rotated == nil)
                #expect(try await plane.lookUp(hash) == nil)
            }
        }
    }

    private mutating func createUser(_ id: String, in tenant: String, _ plane: ControlPlane) async throws {
        let department = Bool.random(using: &random) ? pick(Self.ids) : nil
        let error = await Self.error { try await plane.createUser(id, name: "", department: department, in: tenant) }
        if users[tenant]?[id] != nil {
            #expect(error == .alreadyExists)
        } else if let department, !departments[tenant, default: []].contains(department) {
            #expect(error == .unknownReference)
        } else {
            #expect(error == nil)
            users[tenant, default: [:]][id] = .some(department)
        }
    }

    private mutating func createKey(_ id: String, in tenant: String, _ plane: ControlPlane) async throws {
        let user = Bool.random(using: &random) ? pick(Self.ids) : nil
        let (number, hash) = try nextHash()
        let error = await Self.error { try await plane.createKey(id, in: tenant, hash: hash, user: user) }
        if keys[tenant]?[id] != nil {
            #expect(error == .alreadyExists)
        } else if let user, users[tenant]?[user] == nil {
            #expect(error == .unknownReference)
        } else {
            #expect(error == nil)
            keys[tenant, default: [:]][id] = Key()
            hashes[number] = (tenant, id)
        }
    }

    private mutating func nextHash() throws -> (number: Int, hash: KeyHash) {
        let number = Int.random(in: 0..<Int.max, using: &random)
        return (number, try TestHash.make(UInt64(number), pepperID: "p"))
    }

    private mutating func pick(_ ids: [String]) -> String { ids.randomElement(using: &random) ?? "" }

    private static func error(_ body: () async throws -> Any) async -> ControlError? {
        do {
            _ = try await body()
            return nil
        } catch {
            return error as? ControlError
        }
    }
}
