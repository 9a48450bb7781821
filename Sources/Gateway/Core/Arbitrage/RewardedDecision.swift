import GatewayJSON
package import NIOCore

/// A decision and what it turned out to be worth.
package struct RewardedDecision: Sendable, Equatable {
    /// Of its JSON.
    package static let mostBytes = DecisionRecord.mostBytes + 256

    package var record: DecisionRecord
    /// In [0, 1].
    package var quality: Double
    /// How much it counts, in (0, 1].
    package var weight: Double

    package init(record: DecisionRecord, quality: Double, weight: Double = 1) {
        self.record = record
        self.quality = quality
        self.weight = weight
    }

    /// Reads `{"decision": …, "quality": …, "weight": …}`, the weight being 1 where it is missing; any other member is a fault.
    package init(json line: ByteBuffer) throws(DecisionRecordFault) {
        guard line.readableBytes <= Self.mostBytes else { throw DecisionRecordFault("it is longer than \(Self.mostBytes) bytes") }
        var index = JSONIndex()
        do {
            try index.scan(line, limits: JSONLimits(maxDepth: 5, maxNodes: 2048))
        } catch {
            throw DecisionRecordFault("it is not valid JSON: \(error.message)")
        }
        self = try index.read(line) { root throws(DecisionRecordFault) in try Self.read(root) }
    }

    private static func read(_ root: JSONValue) throws(DecisionRecordFault) -> RewardedDecision {
        var (record, quality, weight): (DecisionRecord?, Double?, Double?) = (nil, nil, nil)
        func once<Value>(_ old: Value?, _ new: Value?, _ name: String) throws(DecisionRecordFault) -> Value {
            guard old == nil, let new else { throw DecisionRecordFault("`\(name)` is there twice or not what it must be") }
            return new
        }
        for member in root.members {
            switch member.key.string {
            case "decision": record = try once(record, try DecisionRecord(json: member.value), "decision")
            case "quality": quality = try once(quality, member.value.double.flatMap { (0...1).contains($0) ? $0 : nil }, "quality")
            case "weight": weight = try once(weight, member.value.double.flatMap { $0 > 0 && $0 <= 1 ? $0 : nil }, "weight")
            default: throw DecisionRecordFault("`\(member.key.string ?? "")` is unknown")
            }
        }
        guard let record, let quality else { throw DecisionRecordFault("`decision` or `quality` is missing") }
        return RewardedDecision(record: record, quality: quality, weight: weight ?? 1)
    }
}
