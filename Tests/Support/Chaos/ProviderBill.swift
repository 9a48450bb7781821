import Foundation
import GatewayCore

/// What the provider counted of all models.
struct ProviderBill: Sendable, Equatable {
    var requests = 0
    var promptTokens = 0
    var completionTokens = 0

    init() {}

    init(json: String) throws {
        guard let root = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any],
            let models = root["models"] as? [String: [String: Any]]
        else { throw World.Failure(description: "the provider's bill is not as it should be: \(json)") }
        for model in models.values { add(ProviderBill(model)) }
    }

    init(_ fields: [String: Any]) {
        requests = fields["requests"] as? Int ?? 0
        promptTokens = fields["prompt_tokens"] as? Int ?? 0
        completionTokens = fields["completion_tokens"] as? Int ?? 0
    }

    mutating func add(_ other: ProviderBill) {
        requests += other.requests
        promptTokens += other.promptTokens
        completionTokens += other.completionTokens
    }

    static func - (left: ProviderBill, right: ProviderBill) -> ProviderBill {
        var bill = left
        bill.requests -= right.requests
        bill.promptTokens -= right.promptTokens
        bill.completionTokens -= right.completionTokens
        return bill
    }
}

/// One request that the provider was asked, as it has it in its record.
struct ProviderCall: Sendable {
    var number: Int
    /// The job's.
    var mark: String
    /// As the provider knows it.
    var model: String
    /// Whether it is still being answered.
    var isRunning: Bool
    /// Nothing, where it was sent nothing that is billed.
    var bill: ProviderBill
    /// Bytes of its body, and the output cap in it.
    var bodyBytes: Int
    var maxTokens: Int?

    var cost: Int64 { Self.price(ofUpstream: model).cost(input: bill.promptTokens, output: bill.completionTokens) }

    /// The most that may be charged for it.
    var bound: Int64 { Self.price(ofUpstream: model).cost(input: bodyBytes, output: maxTokens ?? 0) }

    /// - Parameter number: requests up to this one are not in the list.
    static func list(json: String, after number: Int) throws -> [ProviderCall] {
        guard let root = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any],
            let requests = root["requests"] as? [[String: Any]]
        else { throw World.Failure(description: "the provider's record is not as it should be: \(json.prefix(200))") }
        let calls = try requests.map { try ProviderCall($0) }
        if let first = calls.first, first.number > number + 1 {
            throw World.Failure(description: "the provider has forgotten requests before \(first.number)")
        }
        return calls
    }

    private init(_ request: [String: Any]) throws {
        guard let number = request["number"] as? Int, let headers = request["headers"] as? [[String]],
            let body = request["body"] as? String,
            let root = try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any]
        else { throw World.Failure(description: "a request in the provider's record is not as it should be: \(request)") }
        self.number = number
        let traceparent = headers.first { $0.first?.lowercased() == "traceparent" }?.last ?? ""
        mark = traceparent.split(separator: "-").dropFirst().first.map(String.init) ?? ""
        model = root["model"] as? String ?? ""
        isRunning = request["outcome"] as? String == "running"
        bill = ProviderBill(request["billed"] as? [String: Any] ?? [:])
        bodyBytes = body.utf8.count
        maxTokens = root["max_tokens"] as? Int
    }

    // MARK: prices, as the gateways' configuration has them

    private static let dear = Price(input: 300_000_000, cacheRead: 300_000_000, cacheWrite: 300_000_000, output: 1_200_000_000)
    private static let cheap = Price(input: 150_000_000, cacheRead: 150_000_000, cacheWrite: 150_000_000, output: 600_000_000)

    static func price(of model: String) -> Price { model == "memo" ? dear : cheap }

    private static func price(ofUpstream model: String) -> Price { model == "echo" ? dear : cheap }
}

extension Price {
    fileprivate func cost(input: Int, output: Int) -> Int64 {
        Int64(clamping: cost(of: TokenUsage(input: UInt64(max(0, input)), output: UInt64(max(0, output)))))
    }
}

/// A wallet as its store has it.
struct Wallet: Sendable {
    /// `acme`, `acme department sales`.
    var name: String
    /// In total, in nano-USD.
    var spent: Int64
    var reserved: Int64

    init(json: String) throws {
        guard let root = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any], let tenant = root["tenant"] as? String,
            let level = root["level"] as? String, let total = root["total"] as? [String: Any], let spent = total["spent"] as? Int64,
            let reserved = total["reserved"] as? Int64
        else { throw World.Failure(description: "a wallet is not as it should be: \(json)") }
        name = Self.name(tenant, level, root["name"] as? String)
        (self.spent, self.reserved) = (spent, reserved)
    }

    static func name(_ tenant: String, _ level: String, _ name: String?) -> String {
        name.map { "\(tenant) \(level) \($0)" } ?? tenant
    }

    /// Those of an entry.
    static func names(_ entry: LedgerEntry) -> [String] {
        BudgetSubject.all(department: entry.department, user: entry.user).map { name(entry.tenant, $0.level, $0.name) }
    }
}
