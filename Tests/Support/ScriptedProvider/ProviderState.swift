import Foundation
import NIOCore

/// What was sent, as the provider bills it.
struct BillEntry {
    var requests = 0
    var promptTokens = 0
    var completionTokens = 0

    mutating func add(_ other: BillEntry) {
        requests += other.requests
        promptTokens += other.promptTokens
        completionTokens += other.completionTokens
    }

    var fields: [String: Int] { ["requests": requests, "prompt_tokens": promptTokens, "completion_tokens": completionTokens] }
}

/// What the provider remembers. Confined to its one event loop.
final class ProviderState {
    let requiredKey: String?
    var record: RequestRecord
    var bench = BenchAnswers()
    private(set) var bill: [String: BillEntry] = [:]
    private(set) var statistics = Statistics()
    private var waiters: [(condition: StatisticsCondition, resume: () -> Void)] = []
    private var requestCount = 0
    /// Requests by the model's name, where that says that only the first ones are faulty. Bound: the names in use, a thousand.
    private var countedRequests: [String: Int] = [:]
    private static let maxBilledModels = 1000

    struct Statistics {
        var acceptedConnections = 0
        var openConnections = 0
        /// Requests other than the control ones.
        var requests = 0
        /// Answers that were sent to their planned end, errors and cuts included.
        var completed = 0
        /// Requests whose client closed the connection before that.
        var closedEarly = 0
        /// Of request bodies.
        var bytesReceived = 0
        /// Of answers, heads included.
        var bytesSent = 0

        var active: Int { requests - completed - closedEarly }
        /// The most that were ever active at once.
        var peakActive = 0

        var fields: [String: Int] {
            [
                "accepted_connections": acceptedConnections, "open_connections": openConnections, "requests": requests,
                "completed": completed, "closed_early": closedEarly, "active": active, "peak_active": peakActive,
                "bytes_received": bytesReceived,
                "bytes_sent": bytesSent,
            ]
        }
    }

    init(requiredKey: String?, recordLimit: Int) {
        self.requiredKey = requiredKey
        record = RequestRecord(maxRequests: recordLimit)
    }

    /// Identifies a request in its answer's header and JSON.
    func nextRequestID() -> String {
        requestCount += 1
        let digits = String(requestCount, radix: 16)
        return String(repeating: "0", count: max(0, 12 - digits.count)) + digits
    }

    /// The request's number among those with this model's name, from 1.
    func countRequest(_ model: String) -> Int {
        if countedRequests.count >= Self.maxBilledModels { countedRequests.removeAll() }
        countedRequests[model, default: 0] += 1
        return countedRequests[model] ?? 1
    }

    func forget() {
        record.clear()
        countedRequests.removeAll()
    }

    func changeStatistics(_ change: (inout Statistics) -> Void) {
        change(&statistics)
        statistics.peakActive = max(statistics.peakActive, statistics.active)
        guard !waiters.isEmpty else { return }
        let fields = statistics.fields
        let served = waiters.filter { $0.condition.holds(for: fields) }
        waiters.removeAll { $0.condition.holds(for: fields) }
        served.forEach { $0.resume() }
    }

    /// Calls `resume` when the condition holds, at once if it does now. Of more than a thousand waiters the oldest is let go.
    func wait(for condition: StatisticsCondition, resume: @escaping () -> Void) {
        if condition.holds(for: statistics.fields) {
            resume()
            return
        }
        if waiters.count >= 1000 {
            waiters.removeFirst().resume()
        }
        waiters.append((condition, resume))
    }

    /// - Parameter number: the request's in the record; `nil`: it is not recorded.
    func charge(_ model: String, _ entry: BillEntry, number: Int? = nil) {
        let name = bill[model] != nil || bill.count < Self.maxBilledModels ? model : "(other)"
        bill[name, default: BillEntry()].add(entry)
        if let number { record.charge(entry, to: number) }
    }

    /// Header fields of every answer under `/v1`.
    static func headers(requestID: String, isLimited: Bool = false) -> String {
        "x-request-id: \(requestID)\r\nopenai-organization: scripted\r\nopenai-processing-ms: 1\r\nopenai-version: 2020-10-01\r\n"
            + "x-ratelimit-limit-requests: 10000\r\nx-ratelimit-limit-tokens: 2000000\r\n"
            + "x-ratelimit-remaining-requests: \(isLimited ? 0 : 9999)\r\nx-ratelimit-remaining-tokens: \(isLimited ? 0 : 1_999_000)\r\n"
            + "x-ratelimit-reset-requests: \(isLimited ? "2s" : "6ms")\r\nx-ratelimit-reset-tokens: \(isLimited ? "2s" : "0s")\r\n"
    }
}

/// The last requests as they were received.
struct RequestRecord {
    struct Entry {
        var number: Int
        var connection: Int
        var method: String
        var path: String
        var headers: [(name: String, value: String)]
        var body: ByteBuffer
        var outcome = "running"
        /// `nil`: nothing is billed.
        var billed: BillEntry?
    }

    private var entries: [Entry] = []
    private var bodyBytes = 0
    private var nextNumber = 1
    private(set) var dropped = 0
    private let maxRequests: Int
    private static let maxBodyBytes = 64 << 20
    private static let credentialNames: Set<String> = [
        "authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie", "proxy-authorization",
    ]

    init(maxRequests: Int) {
        self.maxRequests = maxRequests
    }

    /// - Returns: the entry's number. The oldest entries make room.
    mutating func add(connection: Int, method: String, path: String, headers: [(name: String, value: String)], body: ByteBuffer) -> Int {
        let number = nextNumber
        nextNumber += 1
        let safeHeaders = headers.map { name, value in
            (name: name, value: Self.credentialNames.contains(name.lowercased()) ? "(present)" : value)
        }
        entries.append(
            Entry(number: number, connection: connection, method: method, path: path, headers: safeHeaders, body: body))
        bodyBytes += body.readableBytes
        while let oldest = entries.first, entries.count > maxRequests || bodyBytes > Self.maxBodyBytes {
            bodyBytes -= oldest.body.readableBytes
            entries.removeFirst()
            dropped += 1
        }
        return number
    }

    mutating func setOutcome(_ outcome: String, of number: Int) {
        guard let first = entries.first?.number, entries.indices.contains(number - first) else { return }
        entries[number - first].outcome = outcome
    }

    mutating func charge(_ bill: BillEntry, to number: Int) {
        guard let first = entries.first?.number, entries.indices.contains(number - first) else { return }
        entries[number - first].billed = entries[number - first].billed ?? BillEntry()
        entries[number - first].billed?.add(bill)
    }

    mutating func clear() {
        entries.removeAll()
        bodyBytes = 0
        dropped = 0
    }

    /// - Parameter number: only requests with a higher one.
    func json(after number: Int) -> [String: Any] {
        let requests = entries.drop { $0.number <= number }.map { entry in
            var object: [String: Any] = [
                "number": entry.number, "connection": entry.connection, "method": entry.method, "path": entry.path,
                "headers": entry.headers.map { [$0.name, $0.value] }, "outcome": entry.outcome,
                "credential": entry.headers.contains { Self.credentialNames.contains($0.name.lowercased()) },
            ]
            if let billed = entry.billed { object["billed"] = billed.fields }
            let bytes = Data(entry.body.readableBytesView)
            if let text = String(data: bytes, encoding: .utf8) {
                object["body"] = text
            } else {
                object["body_base64"] = bytes.base64EncodedString()
            }
            return object
        }
        return ["requests": requests, "dropped": dropped]
    }
}
