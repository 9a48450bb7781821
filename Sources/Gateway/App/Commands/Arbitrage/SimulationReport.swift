import Foundation

/// What `agentshield arbitrage simulate` prints.
struct SimulationReport {
    struct Result {
        var policy: String
        var lambdas: [Double]
        /// By λ, then by seed.
        var outcomes: [[Replay.Outcome]]

        func interval(_ lambda: Int, _ value: (Replay.Outcome) -> Double) -> MeanInterval { MeanInterval(outcomes[lambda].map(value)) }

        /// The mean height above the hull, of every seed's own curve above its own hull.
        func area(_ part: (Replay.Outcome) -> Replay.Part) -> MeanInterval {
            let seeds = outcomes.first?.count ?? 0
            return MeanInterval(
                (0..<seeds).map { seed in
                    let parts = outcomes.map { part($0[seed]) }
                    return parts.first?.hull.meanGain(of: parts.map(\.point)) ?? 0
                })
        }

        /// What lies between every seed's own curve and its own hull, quality times mUSD for a call.
        func surface(_ part: (Replay.Outcome) -> Replay.Part) -> MeanInterval {
            MeanInterval(
                (0..<(outcomes.first?.count ?? 0)).map { seed in
                    let parts = outcomes.map { part($0[seed]) }
                    return parts.first?.hull.area(under: parts.map(\.point)) ?? 0
                })
        }
    }

    let arms: [String]
    let calls: Int
    let seeds: Int
    let results: [Result]

    var text: String {
        var text = "\(calls) calls, \(seeds) seeds; ± is half of a 95 % confidence interval over seeds\n"
        text += fixedText
        for result in results { text += self.text(of: result) }
        return text + plot
    }

    /// What every arm costs and is worth alone, by the first seed.
    private var fixedText: String {
        guard let part = results.first?.outcomes.first?.first?.whole else { return "" }
        var text = "\n" + row(["model", "mUSD/call", "quality"], first: 34)
        for (arm, point) in zip(arms, part.fixed) { text += row([arm, figure(point.cost, 4), figure(point.quality, 3)], first: 34) }
        return text
    }

    private func text(of result: Result) -> String {
        var text = "\npolicy \(result.policy)\n"
        text += row(["lambda", "mUSD/call", "quality", "above hull", "in 2nd half", "regret/oracle", "regret/fixed", "recovery"], first: 8)
        for (index, lambda) in result.lambdas.enumerated() {
            let recovered = result.outcomes[index].compactMap(\.recoveryCalls).sorted()
            let median = recovered.isEmpty ? "-" : "\(recovered[recovered.count / 2]) (\(recovered.count)/\(seeds))"
            text += row(
                [
                    figure(lambda, 2), figure(result.interval(index) { $0.whole.costMilliUSD }.mean, 4),
                    figure(result.interval(index) { $0.whole.quality }.mean, 3), figure(result.interval(index) { $0.whole.gain }),
                    figure(result.interval(index) { $0.late.gain }),
                    figure(result.interval(index) { $0.whole.oracleReward - $0.whole.reward }),
                    figure(result.interval(index) { $0.whole.bestFixedReward(lambda) - $0.whole.reward }), median,
                ], first: 8)
        }
        text += "mean height above the hull: \(figure(result.area(\.whole))), in the second half \(figure(result.area(\.late)))\n"
        text +=
            "area between the curve and the hull: \(figure(result.surface(\.whole), 6)), in the second half \(figure(result.surface(\.late), 6))\n"
        text += row(["share of calls, lambda"] + result.lambdas.map { figure($0, 2) }, first: 34, others: 7)
        for (arm, name) in arms.enumerated() {
            let shares = result.lambdas.indices.map { figure(result.interval($0) { $0.shares[arm] }.mean * 100, 1) + "%" }
            text += row([name] + shares, first: 34, others: 7)
        }
        return text
    }

    private func row(_ cells: [String], first: Int, others: Int = 16) -> String {
        let padded = cells.enumerated().map { index, cell in
            let missing = String(repeating: " ", count: max(0, (index == 0 ? first : others) - cell.count))
            return index == 0 ? cell + missing : missing + cell
        }
        return padded.joined(separator: " ") + "\n"
    }

    private func figure(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }

    private func figure(_ interval: MeanInterval, _ digits: Int = 4) -> String {
        let width = interval.halfWidth.isFinite ? String(format: " ±%.\(digits)f", interval.halfWidth) : ""
        return String(format: "%+.\(digits)f", interval.mean) + width
    }

    // MARK: - The plot

    private static let width = 64
    private static let height = 18

    /// Cost to the right, quality upwards; the hull in dots, arms as `o`, each policy's λs by its letter.
    private var plot: String {
        guard let part = results.first?.outcomes.first?.first?.whole else { return "" }
        let letters = zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", results)
        let curves = letters.map { letter, result in
            (letter: letter, name: result.policy, points: result.lambdas.indices.map { meanPoint(result, $0) })
        }
        let points = part.fixed + curves.flatMap(\.points)
        let costs = (points.map(\.cost).min() ?? 0)...(points.map(\.cost).max() ?? 0)
        let qualities = (points.map(\.quality).min() ?? 0)...(points.map(\.quality).max() ?? 0)
        var grid = Array(repeating: Array(repeating: Character(" "), count: Self.width), count: Self.height)
        func draw(_ point: MixtureHull.Point, _ mark: Character) {
            let column = place(point.cost, costs, Self.width)
            let row = Self.height - 1 - place(point.quality, qualities, Self.height)
            grid[row][column] = mark
        }
        let hull = part.hull
        for column in 0..<Self.width {
            let cost = costs.lowerBound + (costs.upperBound - costs.lowerBound) * Double(column) / Double(Self.width - 1)
            draw(MixtureHull.Point(cost: cost, quality: hull.quality(atCost: cost)), "·")
        }
        for point in part.fixed { draw(point, "o") }
        for curve in curves { for point in curve.points { draw(point, curve.letter) } }
        var text = "\nquality \(figure(qualities.lowerBound, 3)) to \(figure(qualities.upperBound, 3)) upwards, "
        text += "mUSD/call \(figure(costs.lowerBound, 4)) to \(figure(costs.upperBound, 4)) to the right\n"
        for row in grid { text += "|" + String(row) + "\n" }
        text += "+" + String(repeating: "-", count: Self.width) + "\n"
        return text + "o model  · mixtures" + curves.map { "  \($0.letter) \($0.name)" }.joined() + "\n"
    }

    private func meanPoint(_ result: Result, _ lambda: Int) -> MixtureHull.Point {
        MixtureHull.Point(
            cost: result.interval(lambda) { $0.whole.costMilliUSD }.mean, quality: result.interval(lambda) { $0.whole.quality }.mean)
    }

    private func place(_ value: Double, _ range: ClosedRange<Double>, _ count: Int) -> Int {
        let length = range.upperBound - range.lowerBound
        return length > 0 ? min(count - 1, max(0, Int((value - range.lowerBound) / length * Double(count - 1) + 0.5))) : 0
    }
}
