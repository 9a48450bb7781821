import Foundation
import GatewayCore
import NIOCore

/// A full-information matrix: for each prompt, the quality that every arm's answer had. Read once, a line at a time; of the prompts only their features and
/// sizes are kept.
struct ReplayMatrix: Sendable {
    /// Of the data's lines, and how many there may be: about 300 bytes of memory each.
    static let mostLineBytes = 16 << 20
    static let mostRows = 2_000_000
    static let mostArms = 64

    struct Row: Sendable {
        var features: FeatureVector
        var bytes: Int
        var mix: ByteMix
        /// By arm, in [0, 1].
        var qualities: [Double]
    }

    struct ArmPrice: Decodable, Sendable {
        var inputUSDPerMtok: Double
        var outputUSDPerMtok: Double
        /// Published quality in [0, 1], where it is known.
        var strength: Double?
        var rates = TokenRates.plain

        private enum CodingKeys: String, CodingKey {
            case inputUSDPerMtok = "input_usd_per_mtok"
            case outputUSDPerMtok = "output_usd_per_mtok"
            case strength
        }

        func costUSD(of row: Row, outputTokens: Int) -> Double {
            (Double(rates.tokens(bytes: row.bytes, mixedAs: row.mix)) * inputUSDPerMtok + Double(outputTokens) * outputUSDPerMtok) / 1e6
        }
    }

    struct Fault: Error, CustomStringConvertible {
        var description: String
    }

    private struct Line: Decodable {
        var prompt: String
        /// `null`: the arm was not asked.
        var scores: [String: Double?]
    }

    /// Sorted by name.
    private(set) var arms: [String]
    private(set) var prices: [ArmPrice]
    private(set) var rows: [Row] = []
    /// What of the data was left out, in words.
    private(set) var notes: [String] = []
    private var unpriced: Set<String> = []

    /// - Parameters:
    ///   - path: of a file with a line of JSON per prompt, `{"prompt": …, "scores": {arm: quality}}`. Lines without text are passed over.
    ///   - prices: `{arm: {"input_usd_per_mtok": …, "output_usd_per_mtok": …, "strength": … (optional)}}`.
    ///   - shipped: what arms are expected to be worth where the prices do not say it, and how many bytes their tokens have.
    init(path: String, prices: [UInt8], shipped: ShippedModels, usesPriors: Bool = true) throws {
        (arms, self.prices) = try Self.table(prices)
        for (index, arm) in arms.enumerated() {
            self.prices[index].rates = shipped.tokenRates.rates(of: arm)
            if usesPriors, self.prices[index].strength == nil {
                self.prices[index].strength = shipped.strengths.strength(of: arm, outputUSDPerMtok: self.prices[index].outputUSDPerMtok)
            }
        }
        var extractor = FeatureExtractor(languages: shipped.languages)
        try RecordLines.forEach(of: path, most: Self.mostLineBytes) { line, number in try add(line, number, &extractor) }
        try leaveOut()
    }

    private static func table(_ bytes: [UInt8]) throws -> ([String], [ArmPrice]) {
        let table: [String: ArmPrice]
        do {
            table = try JSONDecoder().decode([String: ArmPrice].self, from: Data(bytes))
        } catch {
            throw Fault(description: "the file of prices is not {arm: {\"input_usd_per_mtok\": …, \"output_usd_per_mtok\": …}}")
        }
        let arms = table.keys.sorted()
        guard !arms.isEmpty else { throw Fault(description: "the file of prices names no arm") }
        guard arms.count <= mostArms else {
            throw Fault(description: "the file of prices names \(arms.count) arms, of which \(mostArms) are taken at most")
        }
        let prices = arms.compactMap { table[$0] }
        for (arm, price) in zip(arms, prices) {
            guard price.inputUSDPerMtok >= 0, price.outputUSDPerMtok >= 0 else {
                throw Fault(description: "the price of \(arm) is below 0")
            }
            guard (0...1).contains(price.strength ?? 0) else { throw Fault(description: "the strength of \(arm) is not in 0…1") }
        }
        return (arms, prices)
    }

    private mutating func add(_ text: ByteBuffer, _ number: Int, _ extractor: inout FeatureExtractor) throws {
        guard let line = try? JSONDecoder().decode(Line.self, from: Data(text.readableBytesView)) else {
            throw Fault(description: "line \(number) of the data is not {\"prompt\": text, \"scores\": {arm: quality}}")
        }
        guard rows.count < Self.mostRows else {
            throw Fault(description: "the data has more than \(Self.mostRows) prompts: take a part of it")
        }
        let qualities = try arms.map { arm in
            guard let quality = line.scores[arm] ?? nil else { return Double.nan }
            guard quality >= 0, quality <= 1 else {
                throw Fault(description: "line \(number) of the data: the score of \(arm) is not in 0…1")
            }
            return quality
        }
        for arm in line.scores.keys where !arms.contains(arm) && unpriced.count < Self.mostArms { unpriced.insert(arm) }
        var prompt = line.prompt
        let reading = prompt.withUTF8 { extractor.reading(of: UnsafeRawBufferPointer($0), shape: RequestShape()) }
        rows.append(Row(features: reading.features, bytes: prompt.utf8.count, mix: reading.mix, qualities: qualities))
    }

    /// Arms that fewer than half of the prompts have a score of are left out, then prompts that lack one.
    private mutating func leaveOut() throws {
        guard !rows.isEmpty else { throw Fault(description: "the data has no line") }
        for arm in unpriced.sorted() { notes.append("\(arm) has scores and no price, and is left out") }
        let known = arms.indices.map { arm in rows.count { !$0.qualities[arm].isNaN } }
        let kept = arms.indices.filter { known[$0] * 2 >= rows.count }
        for arm in arms.indices where !kept.contains(arm) {
            notes.append(
                "\(arms[arm]) has \(known[arm] == 0 ? "no score" : "a score of \(known[arm]) of \(rows.count) prompts"), and is left out")
        }
        guard !kept.isEmpty else {
            throw Fault(description: "no arm has both a price and scores; the prices are of \(arms.joined(separator: ", "))")
        }
        let before = rows.count
        rows = rows.compactMap { row in
            var row = row
            row.qualities = kept.map { row.qualities[$0] }
            return row.qualities.contains { $0.isNaN } ? nil : row
        }
        (arms, prices) = (kept.map { arms[$0] }, kept.map { prices[$0] })
        if rows.count < before { notes.append("\(before - rows.count) of \(before) prompts lack a score, and are left out") }
        guard !rows.isEmpty else { throw Fault(description: "no prompt has a score of every arm") }
    }

    /// Only the rows whose index is even, or odd: two halves, of which one can be kept out of sight.
    func half(odd: Bool) -> ReplayMatrix {
        var half = self
        half.rows = rows.enumerated().filter { ($0.offset % 2 == 1) == odd }.map(\.element)
        return half
    }
}
