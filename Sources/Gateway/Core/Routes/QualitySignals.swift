package import GatewayJSON
import NIOCore

/// A sign of what an answer was worth.
package enum QualitySignal: UInt8, Sendable, Equatable, CaseIterable {
    case feedback = 1
    case structuredOutput
    case toolCall
    case truncation
    case refusal
    case error
    case retry

    package var name: String {
        switch self {
        case .feedback: "feedback"
        case .structuredOutput: "structured_output"
        case .toolCall: "tool_call"
        case .truncation: "truncation"
        case .refusal: "refusal"
        case .error: "error"
        case .retry: "retry"
        }
    }
}

/// How much each sign counts beside feedback, which counts 1; each in [0, 1].
package struct SignalWeights: Sendable, Equatable {
    package var structuredOutput: Double
    package var toolCall: Double
    package var truncation: Double
    package var refusal: Double
    package var error: Double
    package var retry: Double

    package init(
        structuredOutput: Double = 0.5, toolCall: Double = 0.5, truncation: Double = 0.25, refusal: Double = 0.25, error: Double = 0.5,
        retry: Double = 0.25
    ) {
        self.structuredOutput = structuredOutput
        self.toolCall = toolCall
        self.truncation = truncation
        self.refusal = refusal
        self.error = error
        self.retry = retry
    }

    package subscript(signal: QualitySignal) -> Double {
        switch signal {
        case .feedback: 1
        case .structuredOutput: structuredOutput
        case .toolCall: toolCall
        case .truncation: truncation
        case .refusal: refusal
        case .error: error
        case .retry: retry
        }
    }
}

/// One sign of one answer: in millionths, so that the ledger says exactly what was learned from.
package struct ObservedQuality: Sendable, Equatable {
    package var signal: QualitySignal
    package var qualityMillionths: UInt64
    package var weightMillionths: UInt64

    package var quality: Double { Double(qualityMillionths) / 1_000_000 }
    package var weight: Double { Double(weightMillionths) / 1_000_000 }

    /// - Parameters: cut to [0, 1].
    package init(_ signal: QualitySignal, quality: Double, weight: Double) {
        func millionths(_ value: Double) -> UInt64 { value.isFinite ? UInt64((min(1, max(0, value)) * 1_000_000).rounded()) : 0 }
        self.signal = signal
        qualityMillionths = millionths(quality)
        weightMillionths = millionths(weight)
    }

    /// - Returns: `nil`: out of range.
    package init?(_ signal: QualitySignal, qualityMillionths: UInt64, weightMillionths: UInt64) {
        guard qualityMillionths <= 1_000_000, weightMillionths <= 1_000_000 else { return nil }
        self.signal = signal
        self.qualityMillionths = qualityMillionths
        self.weightMillionths = weightMillionths
    }
}

extension [ObservedQuality] {
    /// The signs as one observation: the mean of their qualities, which counts as much as all of them, 1 at most. `nil`: there is none that counts.
    package var combined: (quality: Double, weight: Double)? {
        let weight = reduce(0) { $0 + $1.weight }
        guard weight > 0 else { return nil }
        return (reduce(0) { $0 + $1.quality * $1.weight } / weight, Swift.min(1, weight))
    }
}

/// What is kept of an answer's text until its end, to tell whether it has the form that was asked for. Bounded; judged by the first choice alone.
package struct AnswerForm: Sendable {
    /// Longer texts are not judged.
    package static let mostBytes = 64 * 1024
    package static let mostCalls = 32

    private struct Call: Sendable {
        var name: String
        var arguments: [UInt8] = []
    }

    private let traits: RequestTraits
    private var text: [UInt8] = []
    private var calls: [Int: Call] = [:]
    private var bytes = 0
    private var isTooLong = false
    private var hasRefused = false

    package init(_ traits: RequestTraits) {
        self.traits = traits
    }

    package mutating func take(_ chunk: AnswerChunk) {
        for fragment in chunk.fragments where fragment.key.choice == 0 {
            switch fragment.key.kind {
            case .refusal: hasRefused = true
            case .text where traits.wantsJSON: keep(fragment) { $0.text.append(contentsOf: $1) }
            case .toolCall:
                let index = fragment.key.index
                if calls[index] == nil {
                    guard calls.count < Self.mostCalls else {
                        isTooLong = true
                        continue
                    }
                    calls[index] = Call(name: "")
                }
                if let name = fragment.name { calls[index]?.name = name }
                keep(fragment) { $0.calls[index]?.arguments.append(contentsOf: $1) }
            case .text, .reasoning, .block, .aside: break
            }
        }
    }

    private mutating func keep(_ fragment: AnswerFragment, _ append: (inout AnswerForm, UnsafeRawBufferPointer) -> Void) {
        bytes += fragment.text.readableBytes
        guard bytes <= Self.mostBytes else {
            isTooLong = true
            return
        }
        fragment.text.withUnsafeReadableBytes { append(&self, $0) }
    }

    /// What a whole answer says of its quality.
    ///
    /// - Parameter finishes: of all choices.
    package func signals(_ finishes: [AnswerFinish], _ weights: SignalWeights, index: inout JSONIndex) -> [ObservedQuality] {
        var signals: [ObservedQuality] = []
        func add(_ signal: QualitySignal, _ isGood: Bool) {
            guard weights[signal] > 0 else { return }
            signals.append(ObservedQuality(signal, quality: isGood ? 1 : 0, weight: weights[signal]))
        }
        let finish = finishes.first { $0.choice == 0 }?.reason
        let isCut = finish == .length
        if isCut { add(.truncation, false) }
        let isRefused = hasRefused || finish == .refusal || finish == .contentFilter
        if isRefused { add(.refusal, false) }
        guard !isTooLong, !isCut, !isRefused else { return signals }
        if !calls.isEmpty { add(.toolCall, calls.values.allSatisfy { isSound($0, &index) }) }
        if traits.wantsJSON, calls.isEmpty { add(.structuredOutput, isAsWanted(&index)) }
        return signals
    }

    private func isSound(_ call: Call, _ index: inout JSONIndex) -> Bool {
        guard traits.toolNames.isEmpty || traits.toolNames.contains(call.name) else { return false }
        // No arguments at all is how some providers write none.
        return call.arguments.isEmpty || Self.isObject(call.arguments, &index) { _ in true }
    }

    private func isAsWanted(_ index: inout JSONIndex) -> Bool {
        Self.isObject(text, &index) { root in
            traits.requiredMembers.allSatisfy { name in ((try? root.member(named: name)) ?? nil) != nil }
        }
    }

    private static func isObject(_ text: [UInt8], _ index: inout JSONIndex, _ holds: (JSONValue) -> Bool) -> Bool {
        text.withUnsafeBytes { bytes in
            guard (try? index.scan(bytes)) != nil else { return false }
            let root = index.root(of: bytes)
            return root.isObject && holds(root)
        }
    }
}
