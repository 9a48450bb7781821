/// The answers of `/v1/models`.
enum ModelList {
    private static let names = [
        "echo", "echo+slow-50ms", "say:100", "tool:lookup", "bench", "echo+delay-200ms", "fail-429", "fail-500", "hang", "hang-mid", "cut",
        "garbage", "empty", "html", "huge", "bad-sse",
    ]

    static var json: String {
        "{\"object\":\"list\",\"data\":[\(names.map(json(of:)).joined(separator: ","))]}"
    }

    static func json(of name: String) -> String {
        "{\"id\":\(JSONText.string(name)),\"object\":\"model\",\"created\":1767225600,\"owned_by\":\"scripted\"}"
    }
}
