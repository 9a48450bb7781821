/// What a policy knows of a request: 32 numbers, no text, and nothing that text can be made from.
///
/// The layout has a version, ``version``: what was learned with one is never mixed with another. `docs/arbitrage.md` describes every lane.
package struct FeatureVector: Sendable, Equatable {
    package static let dimension = 32
    package static let version = 2
    /// No lane is larger than this, up or down, whatever the text: what is learned from one request is bounded.
    package static let bound: Float = 4

    /// The named lanes; those behind them are projected words and n-grams.
    package enum Lane: Int, Sendable, CaseIterable {
        /// Always 1.
        case bias
        /// log2(1 + estimated tokens) / 10.
        case length
        /// Lines / 20, at most 1.
        case lines
        /// 1: there is a question mark.
        case question
        /// Question marks / 4, at most 1.
        case questions
        case code
        /// The share of digits and operators, times 8, at most 1.
        case mathematics
        /// The share of brackets and braces, times 10, at most 1.
        case structure
        case extraction
        case translation
        case creative
        /// log2(turns + tools) / 4, at most 1; 0 for a single question without tools.
        case conversation
        /// How surely the text is not English, by the shipped model of languages.
        case language
        /// The share of bytes that are of letters of several, at most 1.
        case script
        /// Placeholders of what was scrubbed / 8, at most 1.
        case placeholders
    }

    package static let firstProjected = Lane.allCases.count

    package private(set) var lanes: SIMD32<Float>

    /// Lanes are cut at ``bound``; what is no number is 0.
    package init(_ lanes: SIMD32<Float>) {
        self.lanes = lanes
        withUnsafeMutableBytes(of: &self.lanes) { bytes in
            let values = bytes.bindMemory(to: Float.self)
            for lane in 0..<Self.dimension {
                values[lane] = values[lane].isNaN ? 0 : min(Self.bound, max(-Self.bound, values[lane]))
            }
        }
    }

    /// The lanes as they lie in memory: the compiler turns loops over them into vector instructions, which it does not do with whole `SIMD32`s.
    func withLanes<Result>(_ body: (UnsafeBufferPointer<Float>) -> Result) -> Result {
        withUnsafeBytes(of: lanes) { body($0.bindMemory(to: Float.self)) }
    }

    package subscript(lane: Lane) -> Float { lanes[lane.rawValue] }
}

/// What a request is beside its text.
package struct RequestShape: Sendable, Equatable {
    /// Messages in the conversation, at least 1.
    package var turns: Int
    /// Tools that the model is offered.
    package var tools: Int

    package init(turns: Int = 1, tools: Int = 0) {
        self.turns = max(1, turns)
        self.tools = max(0, tools)
    }
}

/// How many tokens a text has, about: a token is four bytes of it. The same for every model, so that comparing them is fair.
package enum TokenEstimate {
    package static func tokens(bytes: Int) -> Int { (max(0, bytes) + 3) / 4 }
}
