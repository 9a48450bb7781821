import GatewayCrypto
import PostgresStore
import SeededRandomness
import Testing

extension ServerTests {
    @Suite("Control plane")
    struct ControlPlaneTests {
        private static func hash(_ number: UInt64, pepperID: String = "p1") throws -> KeyHash {
            KeyHash(pepperID: pepperID, digest: Digest.sha256(Array("\(number)".utf8)))
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
                #expect(tenant == Tenant(id: "acme", name: "Acme", region: "eu-west-1", suspendedAtUnixSeconds: nil))
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

        @Test("an event loop's look-up is called back")
        func callback() async throws {
            try await Self.with { plane, _ in
                _ = try await plane.createTenant("acme", name: "Acme")
                let key = try await plane.createKey("k", in: "acme", hash: Self.hash(1))
                for (number, expected) in [(UInt64(1), Optional(key)), (2, nil)] {
                    let hash = try Self.hash(number)
                    let result = await withCheckedContinuation { continuation in
                        plane.lookUp(hash) { continuation.resume(returning: $0) }
                    }
                    #expect(try result.get()?.key == expected)
                }
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
                #expect(try await plane.deleteEndedHashes() == 2)
                #expect(try await plane.lookUp(Self.hash(2)) == nil)
                // A hash that is taken leaves the old one the current one.
                await #expect(throws: ControlPlaneError.alreadyExists) {
                    try await plane.rotateKey("k", in: "acme", hash: Self.hash(3), overlapSeconds: 0)
                }
                #expect(try await plane.lookUp(Self.hash(3))?.isValid == true)
                _ = try await driver.rows("UPDATE agentshield.api_keys SET expires_at = now() - interval '1 second'")
                #expect(try await plane.lookUp(Self.hash(3))?.isValid == false)
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

        @Test("a suspended tenant's keys are invalid, and every change has a new epoch")
        func suspension() async throws {
            try await Self.with { plane, _ in
                _ = try await plane.createTenant("acme", name: "Acme")
                _ = try await plane.createKey("k", in: "acme", hash: Self.hash(1))
                for (isSuspended, epoch) in [(true, Int64(2)), (true, 2), (false, 3), (false, 3)] {
                    let tenant = try await plane.setSuspended(isSuspended, tenant: "acme")
                    #expect((tenant?.suspendedAtUnixSeconds != nil) == isSuspended)
                    let found = try #require(try await plane.lookUp(Self.hash(1)))
                    #expect(found.isValid == !isSuspended)
                    #expect(found.key.epoch == epoch)
                }
                let changed = try await plane.changeKey(
                    "k", in: "acme", permissions: KeyPermissions(allowedModels: []), expiresAtUnixSeconds: nil)
                #expect(changed?.epoch == 4)
                #expect(changed?.permissions.allowedModels == [])
                #expect(try await plane.setSuspended(true, tenant: "nobody") == nil)
            }
        }

        @Test("what the schema refuses is told by name, and what is taken as taken")
        func refusals() async throws {
            try await Self.with { plane, _ in
                _ = try await plane.createTenant("acme", name: "Acme")
                await #expect(throws: ControlPlaneError.alreadyExists) { try await plane.createTenant("acme", name: "Other") }
                await #expect(throws: ControlPlaneError.invalid(constraint: "tenants_id_check")) {
                    try await plane.createTenant("no spaces", name: "x")
                }
                _ = try await plane.createKey("k", in: "acme", hash: Self.hash(1))
                await #expect(throws: ControlPlaneError.alreadyExists) {
                    try await plane.createKey("other", in: "acme", hash: Self.hash(1))
                }
                #expect(try await plane.key("other", in: "acme") == nil)
                await #expect(throws: ControlPlaneError.unknownReference) {
                    try await plane.createKey("k", in: "nobody", hash: Self.hash(2))
                }
                await #expect(throws: ControlPlaneError.invalid(constraint: "api_keys_tokens_per_minute_check")) {
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
                #expect(first.count == ControlPlane.maxPage)
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
                    let found = try await plane.lookUp(KeyHash(pepperID: "p", digest: Digest.sha256(Array("\(number)".utf8))))
                    #expect(found?.key.tenant == owner.tenant && found?.key.id == owner.key)
                }
            }
        }
    }
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
            let (number, hash) = nextHash()
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
        let (number, hash) = nextHash()
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

    private mutating func nextHash() -> (number: Int, hash: KeyHash) {
        let number = Int.random(in: 0..<Int.max, using: &random)
        return (number, KeyHash(pepperID: "p", digest: Digest.sha256(Array("\(number)".utf8))))
    }

    private mutating func pick(_ ids: [String]) -> String { ids.randomElement(using: &random) ?? "" }

    private static func error(_ body: () async throws -> Any) async -> ControlPlaneError? {
        do {
            _ = try await body()
            return nil
        } catch {
            return error as? ControlPlaneError
        }
    }
}
