import Foundation
import GatewayCore

/// A full-information matrix: for each prompt, the quality that every arm's answer had. Read once; of the prompts only their features are kept.
struct ReplayMatrix: Sendable {
    struct Row: Sendable {
        var features: FeatureVector
        var inputTokens: Int
        /// By arm, in [0, 1].
        var qualities: [Double]
    }

    struct ArmPrice: Codable, Sendable {
        var inputUSDPerMtok: Double
        var outputUSDPerMtok: Double
        /// Published quality in [0, 1], where it is known.
        var strength: Double?

        private enum CodingKeys: String, CodingKey {
            case inputUSDPerMtok = "input_usd_per_mtok"
            case outputUSDPerMtok = "output_usd_per_mtok"
            case strength
        }

        func costUSD(inputTokens: Int, outputTokens: Int) -> Double {
            (Double(inputTokens) * inputUSDPerMtok + Double(outputTokens) * outputUSDPerMtok) / 1e6
        }
    }

    struct Fault: Error, CustomStringConvertible {
        var description: String
    }

    private struct Line: Decodable {
        var prompt: String
        var scores: [String: Double]
    }

    /// Sorted by name.
    let arms: [String]
    let prices: [ArmPrice]
    private(set) var rows: [Row]

    init(arms: [String], prices: [ArmPrice], rows: [Row]) {
        self.arms = arms
        self.prices = prices
        self.rows = rows
    }

    /// - Parameters:
    ///   - data: a line of JSON per prompt, `{"prompt": …, "scores": {arm: quality}}`, every arm in every line.
    ///   - prices: `{arm: {"input_usd_per_mtok": …, "output_usd_per_mtok": …, "strength": … (optional)}}`.
    init(data: Data, prices pricesData: Data) throws {
        let table: [String: ArmPrice]
        do {
            table = try JSONDecoder().decode([String: ArmPrice].self, from: pricesData)
        } catch {
            throw Fault(description: "the file of prices is not {arm: {input_usd_per_mtok, output_usd_per_mtok}}")
        }
        arms = table.keys.sorted()
        guard !arms.isEmpty else { throw Fault(description: "the file of prices names no arm") }
        prices = arms.compactMap { table[$0] }
        for (arm, price) in zip(arms, prices) where !(price.inputUSDPerMtok >= 0 && price.outputUSDPerMtok >= 0) {
            throw Fault(description: "the price of \(arm) is below 0")
        }
        rows = []
        var extractor = FeatureExtractor()
        let decoder = JSONDecoder()
        for (index, text) in data.split(separator: UInt8(ascii: "\n")).enumerated() {
            guard let line = try? decoder.decode(Line.self, from: text) else {
                throw Fault(description: "line \(index + 1) of the data is not {prompt, scores}")
            }
            let qualities = try arms.map { arm in
                guard let quality = line.scores[arm] else {
                    throw Fault(description: "line \(index + 1) of the data has no score for \(arm)")
                }
                guard quality >= 0, quality <= 1 else {
                    throw Fault(description: "line \(index + 1) of the data: the score of \(arm) is not in 0…1")
                }
                return quality
            }
            rows.append(
                Row(
                    features: extractor.features(of: line.prompt),
                    inputTokens: TokenEstimate.tokens(bytes: line.prompt.utf8.count), qualities: qualities))
        }
        guard !rows.isEmpty else { throw Fault(description: "the data has no line") }
    }

    /// Only the rows whose index is even, or odd: two halves, of which one can be kept out of sight.
    func half(odd: Bool) -> ReplayMatrix {
        ReplayMatrix(arms: arms, prices: prices, rows: rows.enumerated().filter { ($0.offset % 2 == 1) == odd }.map(\.element))
    }
}
