import Foundation
import GatewayCrypto

/// How a gateway of the bench is configured.
struct GatewaySetup {
    /// What it does with each request.
    enum Governance {
        /// Authentication and one limit, which no gateway is without. Nothing is scrubbed, no cache, no budgets, records in memory.
        case bare
        /// Everything, in one process: limits and cache in memory, the ledger in a file.
        case embedded
        /// Everything: limits, budgets and cache in Redis, the ledger through Redis to PostgreSQL.
        case production(redis: String, database: String)
    }

    var governance = Governance.embedded
    var countsAllocations = false
    /// A library of ``PreloadedLibrary``.
    var preloaded: String?
    /// The key that is used; `nil`: one of the file.
    var storedKey: String?
    /// Keys of the file and models beside those that are used.
    var keys = 0
    var models = 0
    var maxConnections = 16_384
    /// `nil`: the gateway's defaults, which overload is measured with.
    var maxInFlightRequests: Int?
    /// What the gateway is started by: programs and their arguments that end by running it.
    var wrapper: [String] = []

    static let pepper = "0123456789abcdef0123456789abcdef0123456789abcdef"

    var environment: [String: String] {
        var environment = ["AGENTSHIELD_PEPPER": Self.pepper]
        if let preloaded { environment["LD_PRELOAD"] = preloaded }
        if case .production(let redis, let database) = governance {
            environment["REDIS_URL"] = redis
            environment["DATABASE_URL"] = database
        }
        return environment
    }

    /// Names of models: `bench` is never answered from the cache, `memo` always where it can be.
    func configuration(tlsPort: Int, httpPort: Int, key: String, upstreamPort: Int, folder: String) throws -> String {
        let hash = APIKey.text(of: APIKey.hash(key, pepper: try KeyedHash(key: Secret(Self.pepper))))
        var lines = [
            "listen:",
            "  tls: {address: \"127.0.0.1:\(tlsPort)\"}",
            "  http: {address: \"127.0.0.1:\(httpPort)\"}",
            "  admin: {enabled: false}",
            "auth:",
            "  keys:",
            "    - {id: bench, hash: \"\(hash)\", tenant: bench, department: sales, user: ana, development: true}",
        ]
        var random = SystemRandomNumberGenerator()
        lines += (0..<keys).map { number in
            let hash = (0..<4).map { _ in String(format: "%016lx", random.next()) }.joined()
            return "    - {id: k\(number), hash: \"hmac-sha256:\(hash)\", tenant: t\(number % 1_000)}"
        }
        lines += ["limits:", "  requests_per_minute: 6000000", "  burst: 6000000", "  max_connections: \(maxConnections)"]
        if let maxInFlightRequests { lines.append("  max_in_flight_requests: \(maxInFlightRequests)") }
        lines += governanceLines(folder)
        lines += [
            "log: {level: notice, format: text}",
            "event_loops: 1",
            "drain_deadline: 1s",
            "providers:",
            "  upstream: {dialect: openai, base_url: \"http://127.0.0.1:\(upstreamPort)/v1\", max_connections_per_loop: 4096}",
            "models:",
            "  - {name: bench, provider: upstream, price: {input: 0.15, output: 0.60}}",
            "  - {name: memo, provider: upstream, upstream_name: bench, price: {input: 0.15, output: 0.60}, cache: {mode: always}}",
            "  - {pattern: \"bench:*\", provider: upstream, price: {input: 0.15, output: 0.60}}",
            "  - {pattern: \"clock:*\", provider: upstream, price: {input: 0.15, output: 0.60}}",
        ]
        lines += (0..<models).map { "  - {name: m\($0), provider: upstream, upstream_name: bench, price: {input: 0.15, output: 0.60}}" }
        return lines.joined(separator: "\n") + "\n"
    }

    private func governanceLines(_ folder: String) -> [String] {
        let tenants = [
            "  concurrent_requests: 1000000",
            "tenants:",
            "  bench:",
            "    limits: {requests_per_minute: 6000000, burst: 6000000, tokens_per_minute: 100000000, token_burst: 100000000}",
            "    budget: {month: 9000000}",
            "    user_budget: {day: 9000000}",
        ]
        switch governance {
        case .bare:
            let kinds = Self.kinds.map { "\($0): ignore" }.joined(separator: ", ")
            return ["scrub:", "  policies:", "    default: {kinds: {\(kinds)}, answers: \"off\"}"]
        case .embedded: return tenants + ["ledger: {file: \"\(folder)/ledger-\(UUID().uuidString).sqlite\"}"]
        // Redis shares its core with the load: what waits for it there is not its own doing.
        case .production: return tenants + ["redis: {state: {timeout: 1s}}"]
        }
    }

    /// Those that the default policy does something with.
    private static let kinds = [
        "EMAIL", "CARD", "IBAN", "BIC", "DNI", "NIE", "CIF", "NSS", "PASSPORT", "SSN", "ITIN", "NINO", "NHS", "NIR", "STEUER_ID",
        "CODICE_FISCALE", "NIF_PT", "CPF", "CNPJ", "CURP", "RFC", "AADHAAR", "PAN", "PHONE", "IPV4", "IPV6", "MAC", "DATE_OF_BIRTH", "BTC",
        "ETH", "URL_CREDENTIALS", "JWT", "PRIVATE_KEY", "PASSWORD", "SECRET",
    ]
}
