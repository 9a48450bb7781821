import NIOCore
import NIOSSL

/// Whom the load calls, and how.
struct LoadTarget: Sendable {
    enum Door: Sendable {
        /// The wire protocol, over TLS.
        case wire
        /// HTTP/1.1 over TLS.
        case https
        case http
    }

    var door: Door
    var port: Int
    var credential: String
}

/// One run of load.
struct LoadPlan: Sendable {
    enum Pace: Sendable, Equatable {
        /// As many in flight as there may be: the next request goes out when an answer has come.
        case closed
        /// A request at its time, whether others have been answered or not; waiting for a connection counts.
        case open(perSecond: Int)
    }

    /// What is asked.
    enum Prompts: Sendable, Equatable {
        case same
        /// No two alike.
        case unique
        /// An agent's conversations, one after the other, each turn with all that came before it; then all of them again.
        case conversations(Int, turns: Int)
    }

    var target: LoadTarget
    /// `bench` is never cached, `memo` always.
    var model = "bench"
    var prompts = Prompts.same
    /// `nil` for plain HTTP.
    var tls: NIOSSLContext?
    var isStreamed: Bool
    var pace: Pace
    var inFlight: Int
    /// Before the measurement starts.
    var warmUp: TimeAmount
    var duration: TimeAmount
    /// The measured process; `nil`: only times are measured.
    var probe: ProcessProbe?

    /// A wire connection carries this many requests at once, an HTTP/1.1 connection one.
    static let streamsPerWireConnection = 16

    /// 841 bytes as JSON, with an e-mail address for the scrubber to find.
    static let text =
        "Please answer the customer below in two sentences. She wrote from maria.lopez@example.com on Tuesday: the invoice for the second "
        + "quarter shows the old address, the discount that was agreed on in March is missing, and the payment date lies on a public holiday. "
        + "She asks for a corrected document before the end of the week, wants to know whether the reminder that she got yesterday can be "
        + "ignored until then, and would like to have the next invoices sent to the accounting department instead of her own mailbox. Keep the "
        + "tone friendly, promise nothing that the terms of delivery do not say, and mention that the support team can be reached by telephone "
        + "on working days from nine to five. Sign your reply in the name of that team."

    /// The messages of a request, behind the system's; the caller's first.
    ///
    /// - Parameter number: the requests before it in the run.
    func messages(_ number: Int) -> [String] {
        switch prompts {
        case .same: return [Self.text]
        case .unique: return ["\(Self.text) Her case has the number \(number), by \(target.door)."]
        case .conversations(let count, let turns):
            let (conversation, turn) = (number / turns % count, number % turns)
            let exchanges = (0..<turn).flatMap { turn in
                [
                    "Look at step \(turn) of case \(conversation), and say what is missing.",
                    "In step \(turn) the date of the order is missing.",
                ]
            }
            return ["\(Self.text) Her case has the number \(conversation), by \(target.door)."] + exchanges + ["Go on with step \(turn)."]
        }
    }

    /// A request's body.
    func body(_ number: Int) -> String {
        let messages = messages(number).enumerated().map { index, text in
            "{\"role\":\"\(index % 2 == 0 ? "user" : "assistant")\",\"content\":\"\(text)\"}"
        }
        return """
            {"model":"\(model)","messages":[{"role":"system","content":"You are a support agent."},\(messages.joined(separator: ","))]\
            \(isStreamed ? ",\"stream\":true" : "")}
            """
    }
}

/// What one run measured.
struct LoadResult: Sendable {
    /// Those before the measurement started too.
    var sent = 0
    var answered = 0
    var failed = 0
    var seconds = 0.0
    /// From the request's time to its answer's last byte, ascending.
    var latencies: [UInt64] = []
    var cpuNanoseconds: UInt64 = 0
    var allocations: UInt64 = 0

    var perSecond: Double { seconds > 0 ? Double(answered) / seconds : 0 }
    var cpuMicrosecondsPerRequest: Double { answered > 0 ? Double(cpuNanoseconds) / 1_000 / Double(answered) : 0 }
    var allocationsPerRequest: Double { answered > 0 ? Double(allocations) / Double(answered) : 0 }

    /// - Parameter share: 0.5 for the median.
    func latencyMicroseconds(_ share: Double) -> Double {
        guard let last = latencies.indices.last else { return 0 }
        return Double(latencies[min(last, Int(Double(latencies.count) * share))]) / 1_000
    }
}
