import Foundation
import NIOHTTP1

/// What tests and demos ask the provider about itself. None of it is recorded or counted.
enum ControlEndpoints {
    static func plan(method: HTTPMethod, uri: String, state: ProviderState) -> AnswerPlan {
        let parts = uri.split(separator: "?", maxSplits: 1)
        switch (method, parts.first.map(String.init) ?? "") {
        case (.GET, "/_record"):
            let after = parts.count > 1 && parts[1].hasPrefix("after=") ? Int(parts[1].dropFirst("after=".count)) : 0
            return plan(state.record.json(after: after ?? 0))
        case (.DELETE, "/_record"):
            state.forget()
            return plan([:])
        case (.GET, "/_bill"):
            return plan(["models": state.bill.mapValues(\.fields)])
        case (.GET, "/_stats"):
            return statistics(state)
        default:
            return AnswerPlan(
                failure: Failure(status: 404, reason: "Not Found", message: "There is no such control; see --help."), headers: "")
        }
    }

    static func statistics(_ state: ProviderState) -> AnswerPlan {
        plan(state.statistics.fields)
    }

    private static func plan(_ object: [String: Any]) -> AnswerPlan {
        let data = (try? JSONSerialization.data(withJSONObject: object, options: [.sortedKeys, .withoutEscapingSlashes])) ?? Data()
        return AnswerPlan(status: "200 OK", headers: "", body: String(decoding: data, as: UTF8.self))
    }
}

/// What `GET /_stats?at_least=<field>:<n>` and `?exactly=<field>:<n>` wait for, so that tests need not ask again and again.
struct StatisticsCondition {
    private var field: String
    private var value: Int
    private var isExact: Bool

    init?(uri: String) {
        let prefixes = [("/_stats?at_least=", false), ("/_stats?exactly=", true)]
        guard let (prefix, isExact) = prefixes.first(where: { uri.hasPrefix($0.0) }) else { return nil }
        let parts = uri.dropFirst(prefix.count).split(separator: ":")
        guard parts.count == 2, let value = Int(parts[1]), ProviderState.Statistics().fields[String(parts[0])] != nil else { return nil }
        field = String(parts[0])
        self.value = value
        self.isExact = isExact
    }

    func holds(for fields: [String: Int]) -> Bool {
        let current = fields[field] ?? 0
        return isExact ? current == value : current >= value
    }
}
