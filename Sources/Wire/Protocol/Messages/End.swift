/// The foot of an answer, streamed or not.
package struct End: Sendable, Equatable {
    package var finishes: [Finish]
    package var usage: Usage?
    package var costNanoUSD: UInt64
    /// Usage or cost was not told by the provider but computed here.
    package var estimated: Bool
    package var scrubbed: [ScrubCount]
    package var timings: [PhaseTiming]
    package var receiptID: Text
    package var routeReason: Text
    /// Calls to providers, 0 for a cache hit.
    package var attempts: UInt32
    /// Of each measure that is limited, the limit that leaves least.
    package var limits: [LimitStatus]

    package init(
        finishes: [Finish] = [], usage: Usage? = nil, costNanoUSD: UInt64 = 0, estimated: Bool = false,
        scrubbed: [ScrubCount] = [], timings: [PhaseTiming] = [], receiptID: Text = Text(), routeReason: Text = Text(),
        attempts: UInt32 = 0, limits: [LimitStatus] = []
    ) {
        self.finishes = finishes
        self.usage = usage
        self.costNanoUSD = costNanoUSD
        self.estimated = estimated
        self.scrubbed = scrubbed
        self.timings = timings
        self.receiptID = receiptID
        self.routeReason = routeReason
        self.attempts = attempts
        self.limits = limits
    }
}

extension End: WireMessage {
    package init() {
        self.init(finishes: [])
    }

    package mutating func read(_ number: UInt32, from reader: inout FieldReader) throws(DecodingFault) {
        switch number {
        case 1: try reader.read(&finishes)
        case 2: try reader.read(&usage)
        case 3: try reader.read(&costNanoUSD)
        case 4: try reader.read(&estimated)
        case 5: try reader.read(&scrubbed)
        case 6: try reader.read(&timings)
        case 7: try reader.read(&receiptID)
        case 8: try reader.read(&routeReason)
        case 9: try reader.read(&attempts)
        case 10: try reader.read(&limits)
        default: try reader.skip()
        }
    }

    package func write(to writer: inout FieldWriter) {
        writer.write(1, finishes)
        writer.write(2, usage)
        writer.write(3, costNanoUSD)
        writer.write(4, estimated)
        writer.write(5, scrubbed)
        writer.write(6, timings)
        writer.write(7, receiptID)
        writer.write(8, routeReason)
        writer.write(9, attempts)
        writer.write(10, limits)
    }
}

/// Why a choice ended.
package struct Finish: Sendable, Equatable {
    /// Why a choice ended, in terms that all providers share.
    package struct Reason: OpenEnum {
        package static let unspecified = Reason(rawValue: 0)
        package static let stop = Reason(rawValue: 1)
        package static let length = Reason(rawValue: 2)
        package static let toolCalls = Reason(rawValue: 3)
        package static let contentFilter = Reason(rawValue: 4)
        package static let refusal = Reason(rawValue: 5)
        package static let other = Reason(rawValue: 6)

        package var rawValue: Int32

        package init(rawValue: Int32) {
            self.rawValue = rawValue
        }
    }

    package var choice: UInt32
    package var reason: Reason
    /// The provider's own word.
    package var providerReason: Text

    package init(choice: UInt32 = 0, reason: Reason = .unspecified, providerReason: Text = Text()) {
        self.choice = choice
        self.reason = reason
        self.providerReason = providerReason
    }
}

extension Finish: WireMessage {
    package init() {
        self.init(choice: 0)
    }

    package mutating func read(_ number: UInt32, from reader: inout FieldReader) throws(DecodingFault) {
        switch number {
        case 1: try reader.read(&choice)
        case 2: try reader.read(&reason)
        case 3: try reader.read(&providerReason)
        default: try reader.skip()
        }
    }

    package func write(to writer: inout FieldWriter) {
        writer.write(1, choice)
        writer.write(2, reason)
        writer.write(3, providerReason)
    }
}

/// Tokens by class. The classes are disjoint: their sum is what was processed.
package struct Usage: Sendable, Equatable {
    /// Neither read from nor written to the provider's cache.
    package var input: UInt64
    package var cacheRead: UInt64
    package var cacheWrite: UInt64
    /// Without reasoning.
    package var output: UInt64
    package var reasoning: UInt64

    package init(input: UInt64 = 0, cacheRead: UInt64 = 0, cacheWrite: UInt64 = 0, output: UInt64 = 0, reasoning: UInt64 = 0) {
        self.input = input
        self.cacheRead = cacheRead
        self.cacheWrite = cacheWrite
        self.output = output
        self.reasoning = reasoning
    }
}

extension Usage: WireMessage {
    package init() {
        self.init(input: 0)
    }

    package mutating func read(_ number: UInt32, from reader: inout FieldReader) throws(DecodingFault) {
        switch number {
        case 1: try reader.read(&input)
        case 2: try reader.read(&cacheRead)
        case 3: try reader.read(&cacheWrite)
        case 4: try reader.read(&output)
        case 5: try reader.read(&reasoning)
        default: try reader.skip()
        }
    }

    package func write(to writer: inout FieldWriter) {
        writer.write(1, input)
        writer.write(2, cacheRead)
        writer.write(3, cacheWrite)
        writer.write(4, output)
        writer.write(5, reasoning)
    }
}

/// How many findings of a kind were replaced.
package struct ScrubCount: Sendable, Equatable {
    package var kind: Text
    package var count: UInt32

    package init(kind: Text = Text(), count: UInt32 = 0) {
        self.kind = kind
        self.count = count
    }
}

extension ScrubCount: WireMessage {
    package init() {
        self.init(kind: Text())
    }

    package mutating func read(_ number: UInt32, from reader: inout FieldReader) throws(DecodingFault) {
        switch number {
        case 1: try reader.read(&kind)
        case 2: try reader.read(&count)
        default: try reader.skip()
        }
    }

    package func write(to writer: inout FieldWriter) {
        writer.write(1, kind)
        writer.write(2, count)
    }
}

/// How long a phase of the pipeline took.
package struct PhaseTiming: Sendable, Equatable {
    package var phase: Text
    package var microseconds: UInt32

    package init(phase: Text = Text(), microseconds: UInt32 = 0) {
        self.phase = phase
        self.microseconds = microseconds
    }
}

extension PhaseTiming: WireMessage {
    package init() {
        self.init(phase: Text())
    }

    package mutating func read(_ number: UInt32, from reader: inout FieldReader) throws(DecodingFault) {
        switch number {
        case 1: try reader.read(&phase)
        case 2: try reader.read(&microseconds)
        default: try reader.skip()
        }
    }

    package func write(to writer: inout FieldWriter) {
        writer.write(1, phase)
        writer.write(2, microseconds)
    }
}

/// What is left of a limit of the caller's.
package struct LimitStatus: Sendable, Equatable {
    package struct Measure: OpenEnum {
        package static let unspecified = Measure(rawValue: 0)
        package static let requests = Measure(rawValue: 1)
        package static let tokens = Measure(rawValue: 2)
        package static let concurrentRequests = Measure(rawValue: 3)

        package var rawValue: Int32

        package init(rawValue: Int32) {
            self.rawValue = rawValue
        }
    }

    package var measure: Measure
    /// How many at once after a rest.
    package var limit: UInt64
    package var remaining: UInt64
    /// Milliseconds until all of them are back.
    package var resetMs: UInt32

    package init(measure: Measure = .unspecified, limit: UInt64 = 0, remaining: UInt64 = 0, resetMs: UInt32 = 0) {
        self.measure = measure
        self.limit = limit
        self.remaining = remaining
        self.resetMs = resetMs
    }
}

extension LimitStatus: WireMessage {
    package init() {
        self.init(measure: .unspecified)
    }

    package mutating func read(_ number: UInt32, from reader: inout FieldReader) throws(DecodingFault) {
        switch number {
        case 1: try reader.read(&measure)
        case 2: try reader.read(&limit)
        case 3: try reader.read(&remaining)
        case 4: try reader.read(&resetMs)
        default: try reader.skip()
        }
    }

    package func write(to writer: inout FieldWriter) {
        writer.write(1, measure)
        writer.write(2, limit)
        writer.write(3, remaining)
        writer.write(4, resetMs)
    }
}
