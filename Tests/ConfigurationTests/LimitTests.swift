import GatewayCore
import GatewayCrypto
import Testing

@testable import GatewayConfiguration

@Suite("Limits in the configuration")
struct LimitTests {
    private static let minute: Int64 = 60_000_000_000

    @Test("a key has its own limits where it has some, and the file's where not")
    func fallback() throws {
        let yaml =
            Fixture.minimal.replacing("tenant: acme}", with: "tenant: acme, limits: {tokens_per_minute: 500}}") + """

                limits: {tokens_per_minute: 9000, token_burst: 100, concurrent_requests: 4, requests_per_minute: 30, burst: 3}
                """
        let limits = try #require(try Fixture.load(yaml).get().auth.keys.first?.limits)
        // The file's burst belongs to the file's rate.
        #expect(limits.tokens == RateLimit(permits: 500, periodNanoseconds: Self.minute))
        #expect(limits.requests == RateLimit(permits: 30, periodNanoseconds: Self.minute, burst: 3))
        #expect(limits.concurrentRequests == 4)
        let plain = try Fixture.load(Fixture.minimal + "\nlimits: {tokens_per_minute: 9000, token_burst: 100}").get()
        #expect(plain.auth.keys.first?.limits.tokens == RateLimit(permits: 9_000, periodNanoseconds: Self.minute, burst: 100))
    }

    @Test("a tenant's rule is the file's unless it has its own, and what it does not limit is without limit")
    func tenants() throws {
        let yaml =
            Fixture.minimal + """

                limits: {without_redis: refuse}
                tenants:
                  acme: {limits: {concurrent_requests: 7}}
                  umbrella: {without_redis: local, model_limits: [{model: "gpt-*", requests_per_minute: 5}]}
                """
        let limits = try Fixture.load(yaml).get().sharedLimits
        #expect(limits.faultRule == .refuse && limits.assumedOutputTokens == 1_024)
        #expect(limits.tenants["acme"] == TenantLimits(tenant: SubjectLimits(concurrentRequests: 7), faultRule: .refuse))
        #expect(limits.tenants["umbrella"]?.faultRule == .countAlone)
        #expect(limits.tenants["umbrella"]?.models.first?.limits.requests == RateLimit(permits: 5, periodNanoseconds: Self.minute))
    }

    @Test(
        "limits that cannot be counted, or make no sense, are refused where they stand",
        arguments: [
            ("limits: {requests_per_minute: 1, burst: 40000}", "limits.burst", "26 days"),
            ("limits: {token_burst: 5}", "limits.token_burst", "without `tokens_per_minute`"),
            ("tenants: {acme: {limits: {burst: 5}}}", "tenants.acme.limits.burst", "without `requests_per_minute`"),
            (
                "tenants: {acme: {user_limits: {tokens_per_minute: 1, token_burst: 100000000}}}", "tenants.acme.user_limits.token_burst",
                "26 days"
            ),
            (
                "tenants: {acme: {model_limits: [{model: a, burst: 1, requests_per_minute: 1}, {model: a}]}}", "tenants.acme.model_limits",
                "names `a` twice"
            ),
            ("tenants: {acme: {limits: {concurrent_requests: 0}}}", "tenants.acme.limits.concurrent_requests", "1 to 1000000"),
        ])
    func refused(text: String, key: String, problem: String) throws {
        let faults = Fixture.faults(Fixture.minimal + "\n" + text)
        #expect(faults.map(\.key) == [key])
        let fault = try #require(faults.first)
        #expect((fault.problem + fault.remedy).contains(problem), "\(fault)")
    }

    @Test("Redis is used when its variable is there; one that the file names must be there")
    func redis() throws {
        let none = try Fixture.load(Fixture.minimal).get().redis
        #expect(none.state == nil && none.cache == nil && none.stateTimeout == .milliseconds(100))
        let url = Fixture.environment.merging(["REDIS_URL": "redis://:hunter2@h"]) { $1 }
        let redis = try Fixture.load(Fixture.minimal, environment: url).get().redis
        let state = try #require(redis.state)
        #expect(state.url == Secret("redis://:hunter2@h") && state.trustRoots == nil && redis.cache == nil)
        #expect("\(redis)".contains("hunter2") == false)
        let named = Fixture.minimal + "\nredis: {state: {url_env: OTHER}}"
        #expect(Fixture.faults(named, environment: url).map(\.key) == ["redis.state.url_env"])
        let file = Fixture.environment.merging(["OTHER_FILE": "/run/redis"]) { $1 }
        let read = try Fixture.load(named, environment: file, files: ["/run/redis": "rediss://h\n"]).get().redis
        #expect(read.state?.url == Secret("rediss://h"))
    }

    @Test("a server for the cache is named by itself: neither role stands in for the other")
    func redisCache() throws {
        let both = Fixture.environment.merging(["REDIS_URL": "redis://h", "REDIS_CACHE_URL": "redis://h"]) { $1 }
        let shared = try Fixture.load(Fixture.minimal, environment: both).get().redis
        #expect(shared.state?.url == Secret("redis://h") && shared.cache?.url == Secret("redis://h"))
        let alone = Fixture.environment.merging(["REDIS_CACHE_URL": "redis://c"]) { $1 }
        let redis = try Fixture.load(Fixture.minimal, environment: alone).get().redis
        #expect(redis.state == nil && redis.cache?.url == Secret("redis://c"))
        let named = Fixture.minimal + "\nredis: {cache: {url_env: OTHER}}"
        #expect(Fixture.faults(named, environment: both).map(\.key) == ["redis.cache.url_env"])
        let empty = Fixture.environment.merging(["REDIS_CACHE_URL": ""]) { $1 }
        #expect(Fixture.faults(Fixture.minimal, environment: empty).map(\.key) == ["redis.cache.url_env"])
    }
}
