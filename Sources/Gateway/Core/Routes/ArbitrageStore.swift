/// What is kept of an arbitrated answer until feedback on it can no longer come: what it takes to learn from that, and no text.
package struct ArbitratedAnswer: Sendable, Equatable {
    /// The receipt.
    package var id: RequestID
    package var tenant: String
    package var department: String?
    package var user: String?
    package var keyID: String
    package var route: String
    /// The model that answered.
    package var arm: String
    package var features: FeatureVector

    package init(
        id: RequestID, tenant: String, department: String?, user: String?, keyID: String, route: String, arm: String,
        features: FeatureVector
    ) {
        self.id = id
        self.tenant = tenant
        self.department = department
        self.user = user
        self.keyID = keyID
        self.route = route
        self.arm = arm
        self.features = features
    }

    private static let version: UInt8 = 1

    package func encoded() -> [UInt8] {
        var writer = RecordWriter()
        writer.append(byte: Self.version)
        writer.append(UInt64(FeatureVector.version))
        writer.append(id)
        for text in [tenant, keyID, route, arm] { writer.append(text) }
        for text in [department, user] { writer.append(text) }
        for lane in 0..<FeatureVector.dimension { writer.append(UInt64(features.lanes[lane].bitPattern)) }
        return writer.bytes
    }

    /// - Returns: `nil`: written by another version, or nobody's writing at all.
    package init?(decoding bytes: some Sequence<UInt8>) {
        var reader = RecordReader(Array(bytes)[...])
        do throws(LedgerEntryFault) {
            guard try reader.byte() == Self.version, try reader.number() == UInt64(FeatureVector.version) else { return nil }
            id = try reader.id()
            (tenant, keyID, route, arm) = (try reader.text(), try reader.text(), try reader.text(), try reader.text())
            (department, user) = (try reader.optionalText(), try reader.optionalText())
            var lanes = SIMD32<Float>(repeating: 0)
            for lane in 0..<FeatureVector.dimension {
                guard let bits = UInt32(exactly: try reader.number()) else { return nil }
                lanes[lane] = Float(bitPattern: bits)
            }
            features = FeatureVector(lanes)
            guard reader.isAtEnd else { return nil }
        } catch {
            return nil
        }
    }
}

/// What a store says of a receipt that feedback is given on. Feedback is claimed before it is carried out, and settled when that is durable: what was claimed
/// and not settled, as by a process that was killed, may be given again.
package enum FeedbackClaim: Sendable, Equatable {
    /// How long whoever claimed feedback has to carry it out, before another may.
    package static let leaseMilliseconds: Int64 = 15_000

    /// To be carried out, and then settled. Nobody else is told so until the lease is over.
    case answer(ArbitratedAnswer)
    /// The same score is being carried out, or was given up a moment ago.
    case underWay
    /// It was carried out, or another score is.
    case given
    /// Not arbitrated, too old, or never there.
    case unknown
}

/// What stands before a kept answer once feedback on it was claimed: `!`, the score in millionths (7 digits), when the lease ends in milliseconds since 1970 (13).
package struct FeedbackLease: Sendable, Equatable {
    /// No version of ``ArbitratedAnswer`` begins so.
    private static let mark = UInt8(ascii: "!")
    private static let widths = (score: 7, end: 13)

    package var scoreMillionths: UInt64
    package var endUnixMilliseconds: Int64

    package init(scoreMillionths: UInt64, endUnixMilliseconds: Int64) {
        self.scoreMillionths = scoreMillionths
        self.endUnixMilliseconds = endUnixMilliseconds
    }

    package static func text(scoreMillionths score: UInt64) -> String { padded(String(score), widths.score) }

    private static func padded(_ digits: String, _ width: Int) -> String {
        String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }

    package func encoded(before answer: some Sequence<UInt8>) -> [UInt8] {
        let end = Self.padded(String(max(0, endUnixMilliseconds)), Self.widths.end)
        return [Self.mark] + Array(Self.text(scoreMillionths: scoreMillionths).utf8) + Array(end.utf8) + answer
    }

    /// - Returns: no lease: the answer was not claimed yet; `nil`: nobody's writing.
    package static func split(_ kept: [UInt8]) -> (lease: FeedbackLease?, answer: ArraySlice<UInt8>)? {
        guard kept.first == mark else { return (nil, kept[...]) }
        let start = 1 + widths.score + widths.end
        guard kept.count >= start,
            let score = UInt64(String(decoding: kept[1..<1 + widths.score], as: UTF8.self)),
            let end = Int64(String(decoding: kept[1 + widths.score..<start], as: UTF8.self))
        else { return nil }
        return (FeedbackLease(scoreMillionths: score, endUnixMilliseconds: end), kept[start...])
    }
}

package struct ArbitrageStoreError: Error, Sendable, Equatable {
    package var detail: String
    /// What was asked for may have been done.
    package var mayHaveRun: Bool

    package init(_ detail: String, mayHaveRun: Bool) {
        self.detail = detail
        self.mayHaveRun = mayHaveRun
    }
}

/// Where what was learned is kept, and what late feedback needs. Nothing of it is on a request's way.
package protocol ArbitrageStore: Sendable {
    /// Whether other processes add to it, so that it is to be read again.
    var isShared: Bool { get }

    /// Adds to what is there.
    ///
    /// - Returns: what was surely not added, and may be sent again.
    func add(_ increments: [LearnedHour]) async -> [LearnedHour]

    /// What is there; hours in which nothing was learned are left out, and so is what nobody can have learned.
    func learned(_ names: [LearnedName], in hours: ClosedRange<RouteStatistics.Hour>) async throws(ArbitrageStoreError) -> [LearnedHour]

    /// Keeps answers for feedback.
    ///
    /// - Returns: what is surely not kept, and may be sent again.
    func keep(_ answers: [ArbitratedAnswer]) async -> [ArbitratedAnswer]

    /// - Parameter score: in millionths. It is kept: what was not settled can be given again with the same one alone.
    func claim(_ id: RequestID, tenant: String, scoreMillionths score: UInt64) async throws(ArbitrageStoreError) -> FeedbackClaim

    /// What was claimed counts.
    func settle(_ id: RequestID, tenant: String) async throws(ArbitrageStoreError)

    func close() async
}

extension ArmStatistics {
    /// The words as bytes, each in big-endian order.
    package var bytes: [UInt8] {
        words.flatMap { word in
            stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: word >> Int64($0)) }
        }
    }

    /// - Returns: `nil`: more bytes than statistics of the form have, half a word, or numbers that no observations add up to.
    package init?(bytes: some Collection<UInt8>, form: Form = .model) {
        // Cells were once written with all the numbers of a model, the last two of which are theirs.
        let isOld = form == .cell && bytes.count == Self.size * 8
        let bytes = isOld ? bytes.dropFirst(bytes.count - form.size * 8) : bytes.dropFirst(0)
        guard bytes.count <= form.size * 8, bytes.count % 8 == 0 else { return nil }
        var words: [Int64] = []
        words.reserveCapacity(form.size)
        var word: UInt64 = 0
        for (index, byte) in bytes.enumerated() {
            word = word << 8 | UInt64(byte)
            if index % 8 == 7 { words.append(Int64(bitPattern: word)) }
        }
        // What ends in zeros may be stored without them.
        words += Array(repeating: 0, count: form.size - words.count)
        self.init(words: words)
        guard isPlausible else { return nil }
    }

    /// Whether observations can have added up to it: the count and squares are not negative, and the qualities' sum is between 0 and the count.
    package var isPlausible: Bool {
        let (count, quality) = (words[words.count - 2], words[words.count - 1])
        guard count >= 0, (0...count).contains(quality) else { return false }
        return form == .cell || (0..<FeatureVector.dimension).allSatisfy { words[$0 * ($0 + 1) / 2 + $0] >= 0 }
    }
}
