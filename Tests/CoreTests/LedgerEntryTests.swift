import GatewayCore
import NIOCore
import SeededRandomness
import Testing

@Suite("entries of the ledger")
struct LedgerEntryTests {
    @Test("an entry reads back what it wrote")
    func roundTrip() throws {
        var random = SeededRandom(seed: 1)
        for _ in 0..<2_000 {
            let entry = LedgerEntry.random(&random)
            let bytes = entry.encoded()
            #expect(try LedgerEntry(decoding: bytes) == entry)
        }
    }

    @Test("bytes that were changed, cut or added to are refused, or are another entry that writes itself so")
    func damage() {
        var random = SeededRandom(seed: 2)
        for _ in 0..<200 {
            let bytes = LedgerEntry.random(&random).encoded()
            for count in 0..<bytes.count {
                #expect(throws: LedgerEntryFault.self) { try LedgerEntry(decoding: bytes.prefix(count)) }
            }
            #expect(throws: LedgerEntryFault.tooLong) { try LedgerEntry(decoding: bytes + [0]) }
            for _ in 0..<50 {
                var changed = bytes
                changed[Int.random(in: 0..<changed.count, using: &random)] = UInt8.random(in: .min ... .max, using: &random)
                if let entry = try? LedgerEntry(decoding: changed) { #expect(entry.encoded() == changed) }
            }
        }
        #expect(throws: LedgerEntryFault.unknownVersion(3)) { try LedgerEntry(decoding: [3, 1]) }
        #expect(throws: LedgerEntryFault.malformed) { try LedgerEntry(decoding: [2, 1]) }
        #expect(throws: LedgerEntryFault.cutShort) { try LedgerEntry(decoding: []) }
    }

    @Test("the first version's bytes stay what they are")
    func bytes() throws {
        let correction = LedgerEntry.correction(
            LedgerCorrection(
                id: RequestID(high: 1, low: 2), requestID: RequestID(high: 3, low: 4), tenant: "t", department: nil, user: "u", keyID: "k",
                costNanoUSD: -3, priceVersion: nil, reason: "r", receivedUnixMilliseconds: 300))
        let head: [UInt8] = [1, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4]
        #expect(correction.encoded() == head + [0xAC, 2, 1, 0x74, 1, 0x6B, 1, 0x72, 0, 1, 1, 0x75, 0, 5])
    }

    @Test("texts of callers are kept up to a bound, in whole characters")
    func bound() {
        let long = String(repeating: "é", count: 200)
        let record = LedgerRecord(
            summary: AnswerSummary(requestID: RequestID(high: 0, low: 0)), tenant: "t", department: nil, user: nil, keyID: "k",
            endUser: long, callerRequestID: "a" + long, requestedModel: long, usedModel: nil, provider: nil, outcome: .failed, fault: nil,
            receivedUnixMilliseconds: 0)
        #expect(record.requestedModel == String(repeating: "é", count: 128) && record.endUser == record.requestedModel)
        #expect(record.callerRequestID == "a" + String(repeating: "é", count: 127))
    }

    @Test("exports have as many cells as names, and no cell that a spreadsheet would calculate")
    func export() throws {
        var random = SeededRandom(seed: 3)
        for _ in 0..<50 {
            var entry = LedgerEntry.random(&random)
            if case .request(var record) = entry {
                record.callerRequestID = "=1+1,\"2\""
                record.endUser = "two\nlines"
                entry = .request(record)
            }
            let row = LedgerRow(
                position: 1, tenant: entry.tenant, sequence: 1, columns: LedgerColumns(of: entry), hash: [1, 255], bytes: entry.encoded())
            let csv = try LedgerExport.csv.line(row)
            #expect(csv.cells == LedgerExport.csv.header.cells)
            if case .request = entry { #expect(csv.contains(#""'=1+1,""2""","#)) }
            #expect(csv.hasSuffix(",01ff\r\n"))
            let json = try LedgerExport.jsonl.line(row)
            #expect(json.hasPrefix(#"{"sequence":1,"kind":""#) && json.hasSuffix("\"hash\":\"01ff\"}\n"))
        }
        var row = LedgerRow(
            position: 1, tenant: "t", sequence: 1, columns: LedgerColumns(of: LedgerEntry.random(&random)), hash: [], bytes: [])
        row.bytes = [9]
        #expect(throws: LedgerEntryFault.unknownVersion(9)) { try LedgerExport.csv.line(row) }
    }
}

@Suite("the check of a chain")
struct ChainCheckTests {
    /// Three rows of one tenant.
    private static func rows() -> [LedgerRow] {
        var random = SeededRandom(seed: 4)
        var rows: [LedgerRow] = []
        for sequence in 1...3 as ClosedRange<Int64> {
            let entry = LedgerEntry.random(&random, tenant: "acme")
            let bytes = entry.encoded()
            rows.append(
                LedgerRow(
                    position: sequence, tenant: "acme", sequence: sequence, columns: LedgerColumns(of: entry),
                    hash: hash(rows.last?.hash ?? [], sequence, bytes), bytes: bytes))
        }
        return rows
    }

    /// Not keyed, but as the chain needs it: of all that it covers.
    private static func hash(_ previous: [UInt8], _ sequence: Int64, _ bytes: [UInt8]) -> [UInt8] {
        let digest = (previous + bytes + [UInt8(sequence)]).reduce(0xCBF2_9CE4_8422_2325 as UInt64) {
            ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3
        }
        return withUnsafeBytes(of: digest) { Array($0) }
    }

    private static func fault(_ rows: [LedgerRow], head: LedgerHead? = nil) -> ChainFault? {
        var check = ChainCheck(tenant: "acme", hash: hash)
        for row in rows {
            if let fault = check.check(row) { return fault }
        }
        return check.finish(head ?? LedgerHead(tenant: "acme", sequence: 3, hash: Self.rows()[2].hash))
    }

    @Test("finds nothing where nothing was touched, and rows that came later are no fault")
    func good() {
        #expect(Self.fault(Self.rows()) == nil)
        #expect(Self.fault(Self.rows(), head: LedgerHead(tenant: "acme", sequence: 2, hash: Self.rows()[1].hash)) == nil)
    }

    @Test("names the first row that was changed, left out, swapped or taken from the end")
    func bad() {
        let rows = Self.rows()
        func fault(at sequence: Int64, _ reason: ChainFault.Reason) -> ChainFault {
            ChainFault(tenant: "acme", sequence: sequence, reason: reason)
        }
        var changed = rows
        changed[1].bytes[5] ^= 1
        #expect(Self.fault(changed) == fault(at: 2, .hashDiffers))
        changed = rows
        changed[1].columns.costNanoUSD = 1
        #expect(Self.fault(changed) == fault(at: 2, .columnsDiffer))
        changed = rows
        changed[0].bytes = [9]
        changed[0].hash = Self.hash([], 1, [9])
        #expect(Self.fault(changed) == fault(at: 1, .unreadable(.unknownVersion(9))))
        #expect(Self.fault([rows[0], rows[2]]) == fault(at: 2, .missing))
        #expect(Self.fault([rows[1], rows[2]]) == fault(at: 1, .missing))
        #expect(Self.fault([rows[0], rows[2], rows[1]]) == fault(at: 2, .missing))
        #expect(Self.fault(Array(rows.dropLast())) == fault(at: 3, .missing))
        #expect(Self.fault([]) == fault(at: 1, .missing))
        #expect(Self.fault(rows, head: LedgerHead(tenant: "acme", sequence: 3, hash: [1])) == fault(at: 3, .headDiffers))
        #expect(Self.fault(rows, head: LedgerHead(tenant: "acme")) == fault(at: 3, .headDiffers))
    }
}

extension LedgerExport {
    func line(_ row: LedgerRow) throws(LedgerEntryFault) -> String {
        var buffer = ByteBuffer()
        try write(row, into: &buffer)
        return String(buffer: buffer)
    }
}

extension String {
    /// Cells of a CSV line.
    fileprivate var cells: Int {
        var (count, isQuoted) = (1, false)
        for byte in utf8 {
            if byte == UInt8(ascii: "\"") { isQuoted.toggle() }
            if byte == UInt8(ascii: ","), !isQuoted { count += 1 }
        }
        return count
    }
}

extension LedgerEntry {
    private static func arbitrated(_ id: RequestID, _ tenant: String, _ random: inout SeededRandom) -> LedgerEntry {
        func signal() -> ObservedQuality {
            let signal = QualitySignal.allCases.randomElement(using: &random) ?? .feedback
            return ObservedQuality(
                signal, quality: Double.random(in: 0...1, using: &random), weight: Double.random(in: 0...1, using: &random))
        }
        guard Bool.random(using: &random) else {
            let answer = ArbitratedAnswer(
                id: id, tenant: tenant, department: optional(&random), user: optional(&random), keyID: text(&random), route: text(&random),
                arm: text(&random), features: FeatureVector(SIMD32(repeating: 0)))
            return .reward(LedgerReward(answer, signal()))
        }
        return .decision(
            LedgerDecision(
                requestID: id, tenant: tenant, department: optional(&random), user: optional(&random), keyID: text(&random),
                route: text(&random), model: text(&random), record: text(&random),
                signals: (0..<Int.random(in: 0...3, using: &random)).map { _ in signal() }))
    }

    /// Any entry, with the widest and the narrowest values now and then.
    static func random(_ random: inout SeededRandom, tenant: String? = nil) -> LedgerEntry {
        let tenant = tenant ?? text(&random)
        let id = RequestID(high: random.next(), low: random.next())
        if Int.random(in: 0..<4, using: &random) == 0 { return arbitrated(id, tenant, &random) }
        guard Bool.random(using: &random) else {
            return .correction(
                LedgerCorrection(
                    id: id, requestID: RequestID(high: random.next(), low: random.next()), tenant: tenant, department: optional(&random),
                    user: optional(&random), keyID: text(&random), costNanoUSD: Int64(bitPattern: number(&random)),
                    priceVersion: optional(&random), reason: text(&random), receivedUnixMilliseconds: number(&random)))
        }
        var summary = AnswerSummary(requestID: id)
        summary.usage = TokenUsage(
            input: number(&random), cacheRead: number(&random), cacheWrite: number(&random), output: number(&random),
            reasoning: number(&random))
        summary.costNanoUSD = Bool.random(using: &random) ? number(&random) : nil
        summary.priceVersion = optional(&random)
        summary.isEstimated = Bool.random(using: &random)
        summary.attempts = Int.random(in: 0...3, using: &random)
        summary.cache = [.miss, .hit, .bypass, .coalesced].randomElement(using: &random) ?? .miss
        summary.routeReason = text(&random)
        summary.finishes = (0..<Int.random(in: 0...2, using: &random)).map {
            AnswerFinish(
                choice: $0, reason: FinishReason(rawValue: UInt8.random(in: 0...5, using: &random)) ?? .stop, providerReason: text(&random))
        }
        summary.scrubbed = (0..<Int.random(in: 0...2, using: &random)).map { ScrubCount(kind: text(&random), count: $0) }
        for phase in Phase.allCases { summary.timings[phase] = Int64.random(in: 0...4_294_967_295, using: &random) * 1_000 }
        let outcomes: [Outcome] = [.answered, .failed, .cancelled, .expired]
        return .request(
            LedgerRecord(
                summary: summary, tenant: tenant, department: optional(&random), user: optional(&random), keyID: text(&random),
                endUser: optional(&random), callerRequestID: optional(&random), requestedModel: text(&random), usedModel: optional(&random),
                provider: optional(&random), outcome: outcomes.randomElement(using: &random) ?? .failed, fault: optional(&random),
                receivedUnixMilliseconds: number(&random)))
    }

    private static func number(_ random: inout SeededRandom) -> UInt64 { random.next() >> UInt64.random(in: 0...63, using: &random) }

    private static func text(_ random: inout SeededRandom) -> String {
        ["", "a", "ünï", "\u{0}", "claude", String(repeating: "x", count: 200)].randomElement(using: &random) ?? ""
    }

    private static func optional(_ random: inout SeededRandom) -> String? { Bool.random(using: &random) ? text(&random) : nil }
}
