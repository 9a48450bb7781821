package import GatewayJSON
package import NIOCore

/// Why a text is no record of a decision.
package struct DecisionRecordFault: Error, Sendable, Equatable, CustomStringConvertible {
    package var description: String

    init(_ description: String) {
        self.description = description
    }
}

/// One line of JSON, at most ``DecisionRecord/mostBytes`` long; `docs/arbitrage.md` describes its members.
extension DecisionRecord {
    /// Arms are left out until the line is short enough.
    package var json: ByteBuffer {
        var most = Self.mostCandidates
        while true {
            let record = bounded(candidates: most)
            let line = record.written()
            if line.readableBytes <= Self.mostBytes || most <= 2 { return line }
            most -= 2
        }
    }

    private func written() -> ByteBuffer {
        var json = JSONWriter()
        json.object { json in
            json.member("v", Int64(Self.version))
            json.member("policy", rule.name)
            json.member("policy_version", Int64(ruleVersion))
            if case .epsilonGreedy(let epsilon) = rule { json.member("epsilon", epsilon) }
            json.member("feature_version", Int64(featureVersion))
            json.key("features")
            json.array { json in for lane in 0..<FeatureVector.dimension { json.int(Int64(featureUnits[lane])) } }
            json.member("lambda", dials.qualityPerMilliUSD)
            json.member("mu", dials.qualityPerSecond)
            json.key("candidates")
            json.array { json in for candidate in candidates { Self.write(candidate, into: &json) } }
            json.key("infeasible")
            json.array { json in
                for arm in infeasible {
                    json.array { json in
                        json.string(Self.cut(arm.name))
                        json.string(arm.reason.rawValue)
                    }
                }
            }
            if omitted > 0 { json.member("omitted", Int64(omitted)) }
            if let incumbent { json.member("incumbent", Int64(incumbent)) }
            json.member("seed", Self.hex(seed))
            json.member("snapshot", Self.hex(snapshot))
            json.member("could_explore", couldExplore)
            json.member("chosen", Int64(arm))
            json.member("reason", reason.rawValue)
        }
        return json.buffer
    }

    /// Name, arm, cost, latency, mean, deviation.
    private static func write(_ candidate: Candidate, into json: inout JSONWriter) {
        let belief = candidate.belief
        json.array { json in
            json.string(cut(candidate.name))
            json.int(Int64(belief.arm))
            json.int(belief.costNanoUSD)
            json.int(belief.latencyMilliseconds)
            json.int(Int64(belief.mean))
            json.int(Int64(belief.deviation))
        }
    }

    /// A name that is too long loses its end.
    private static func cut(_ name: String) -> String {
        guard name.utf8.count > mostNameBytes else { return name }
        var cut = ""
        for character in name.unicodeScalars {
            guard cut.utf8.count + character.utf8.count <= mostNameBytes else { break }
            cut.unicodeScalars.append(character)
        }
        return cut
    }

    private static func hex(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    // MARK: - Reading

    private static let members = [
        "v", "policy", "policy_version", "epsilon", "feature_version", "features", "lambda", "mu", "candidates", "infeasible", "omitted",
        "incumbent", "seed", "snapshot", "could_explore", "chosen", "reason",
    ]

    /// Reads what ``json`` writes, and nothing else: a member that is unknown, missing, twice there or out of its range is a fault.
    package init(json line: ByteBuffer) throws(DecisionRecordFault) {
        guard line.readableBytes <= Self.mostBytes else { throw DecisionRecordFault("it is longer than \(Self.mostBytes) bytes") }
        var index = JSONIndex()
        do {
            try index.scan(line, limits: JSONLimits(maxDepth: 4, maxNodes: 2048))
        } catch {
            throw DecisionRecordFault("it is not valid JSON: \(error.message)")
        }
        self = try index.read(line) { root throws(DecisionRecordFault) in try Self.read(root) }
    }

    /// As ``init(json:)``, of a value in a larger document.
    package init(json value: JSONValue) throws(DecisionRecordFault) {
        guard value.rawBytes.count <= Self.mostBytes else { throw DecisionRecordFault("it is longer than \(Self.mostBytes) bytes") }
        self = try Self.read(value)
    }

    private static func read(_ root: JSONValue) throws(DecisionRecordFault) -> DecisionRecord {
        guard root.isObject else { throw DecisionRecordFault("it is no object") }
        if let twice = root.firstDuplicateKey() { throw DecisionRecordFault("`\(twice.string ?? "")` is there twice") }
        for member in root.members where !members.contains(where: { member.key.equals($0) }) {
            throw DecisionRecordFault("`\(member.key.string ?? "")` is unknown")
        }
        let fields = Fields(root: root)
        guard try fields.int("v", 0...Int64.max) == Int64(version) else { throw DecisionRecordFault("`v` is not \(version)") }
        let epsilon = fields.value("epsilon") == nil ? nil : try fields.double("epsilon")
        guard let rule = ArbitrageRule(name: try fields.string("policy"), epsilon: epsilon) else {
            throw DecisionRecordFault("`policy` is none, or `epsilon` is not its")
        }
        let dials = ArbitrageDials(qualityPerMilliUSD: try fields.double("lambda"), qualityPerSecond: try fields.double("mu"))
        guard dials.qualityPerMilliUSD >= 0, dials.qualityPerSecond >= 0 else { throw DecisionRecordFault("`lambda` or `mu` is below 0") }
        guard let reason = ArbitrageReason(rawValue: try fields.string("reason")) else { throw DecisionRecordFault("`reason` is unknown") }
        let incumbent = fields.value("incumbent") == nil ? nil : Int(try fields.int("incumbent", 0...65_535))
        let decision = ArbitrageDecision(
            arm: Int(try fields.int("chosen", 0...65_535)), reason: reason, seed: try fields.hex("seed"), model: try fields.hex("snapshot"),
            featureVersion: Int(try fields.int("feature_version", 1...65_535)), couldExplore: try fields.bool("could_explore"))
        var record = DecisionRecord(
            rule: rule, units: try fields.features("features"), candidates: try fields.candidates("candidates"),
            infeasible: try fields.infeasible("infeasible"), dials: dials, incumbent: incumbent, decision: decision)
        record.ruleVersion = Int(try fields.int("policy_version", 1...65_535))
        if fields.value("omitted") != nil { record.omitted = Int(try fields.int("omitted", 1...65_535)) }
        guard record.chosen != nil else { throw DecisionRecordFault("`chosen` is no candidate") }
        guard record.candidates.count + record.infeasible.count <= mostCandidates else {
            throw DecisionRecordFault("it has more than \(mostCandidates) arms")
        }
        return record
    }
}

/// Members of a record, each read as it must be.
private struct Fields {
    let root: JSONValue

    func value(_ name: String) -> JSONValue? { try? root.member(named: name) }

    private func required<Value>(_ name: String, _ value: Value?) throws(DecisionRecordFault) -> Value {
        guard let value else { throw DecisionRecordFault("`\(name)` is missing or not what it must be") }
        return value
    }

    func int(_ name: String, _ range: ClosedRange<Int64>) throws(DecisionRecordFault) -> Int64 {
        try required(name, value(name)?.int(in: range))
    }

    func double(_ name: String) throws(DecisionRecordFault) -> Double { try required(name, value(name)?.double) }
    func bool(_ name: String) throws(DecisionRecordFault) -> Bool { try required(name, value(name)?.bool) }
    func string(_ name: String) throws(DecisionRecordFault) -> String { try required(name, value(name)?.string) }

    func hex(_ name: String) throws(DecisionRecordFault) -> UInt64 {
        let text = try string(name)
        let isHex = text.utf8.count == 16 && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
        return try required(name, isHex ? UInt64(text, radix: 16) : nil)
    }

    func features(_ name: String) throws(DecisionRecordFault) -> SIMD32<Int16> {
        let most = Int64(FeatureVector.bound * DecisionRecord.featureScale)
        let numbers = try required(name, value(name)).elements.map { $0.int(in: -most...most) }
        guard numbers.count == FeatureVector.dimension else { throw DecisionRecordFault("`\(name)` are not \(FeatureVector.dimension)") }
        var units = SIMD32<Int16>(repeating: 0)
        for (lane, number) in numbers.enumerated() { units[lane] = Int16(try required(name, number)) }
        return units
    }

    func candidates(_ name: String) throws(DecisionRecordFault) -> [DecisionRecord.Candidate] {
        var candidates: [DecisionRecord.Candidate] = []
        for element in try required(name, value(name)).elements {
            guard candidates.count < DecisionRecord.mostCandidates else { throw DecisionRecordFault("`\(name)` are too many") }
            candidates.append(try required(name, candidate(Array(element.elements))))
        }
        let arms = Set(candidates.map(\.belief.arm))
        guard arms.count == candidates.count, !arms.isEmpty else { throw DecisionRecordFault("`\(name)` are none, or one is there twice") }
        return candidates
    }

    private func candidate(_ cells: [JSONValue]) -> DecisionRecord.Candidate? {
        guard cells.count == 6, let name = cells[0].name, let arm = cells[1].int(in: 0...65_535),
            let cost = cells[2].int(in: 0...ArmBelief.mostCost), let latency = cells[3].int(in: 0...ArmBelief.mostLatency),
            let mean = cells[4].int(in: -Int64(ArmBelief.mostQuality)...Int64(ArmBelief.mostQuality)),
            let deviation = cells[5].int(in: 0...Int64(ArmBelief.mostQuality))
        else { return nil }
        var belief = ArmBelief(ArmCandidate(arm: Int(arm), costUSD: 0))
        belief.costNanoUSD = cost
        belief.latencyMilliseconds = latency
        belief.mean = Int32(mean)
        belief.deviation = Int32(deviation)
        return DecisionRecord.Candidate(name: name, belief: belief)
    }

    func infeasible(_ name: String) throws(DecisionRecordFault) -> [DecisionRecord.Infeasible] {
        let list = try required(name, value(name))
        guard list.isArray else { throw DecisionRecordFault("`\(name)` is no array") }
        var arms: [DecisionRecord.Infeasible] = []
        for element in list.elements {
            guard arms.count < DecisionRecord.mostCandidates else { throw DecisionRecordFault("`\(name)` are too many") }
            let cells = Array(element.elements)
            guard cells.count == 2, let arm = cells[0].name, let text = cells[1].string,
                let reason = DecisionRecord.Infeasibility(rawValue: text)
            else { throw DecisionRecordFault("`\(name)` are not names with a known reason") }
            arms.append(DecisionRecord.Infeasible(name: arm, reason: reason))
        }
        return arms
    }
}

extension JSONValue {
    fileprivate func int(in range: ClosedRange<Int64>) -> Int64? {
        guard let int, range.contains(int) else { return nil }
        return int
    }

    /// 1 to ``DecisionRecord/mostNameBytes`` bytes, nothing that steers a terminal.
    fileprivate var name: String? {
        guard isString, let string, (1...DecisionRecord.mostNameBytes).contains(string.utf8.count),
            string.unicodeScalars.allSatisfy({ $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) })
        else { return nil }
        return string
    }
}
