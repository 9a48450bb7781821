/// Why bytes are no entry.
package enum LedgerEntryFault: Error, Sendable, Equatable, CustomStringConvertible {
    case unknownVersion(UInt8)
    case cutShort
    case malformed
    /// Something follows the last field.
    case tooLong

    package var description: String {
        switch self {
        case .unknownVersion(let version): "it is written in version \(version) of the encoding, which this program does not know"
        case .cutShort: "it ends too soon"
        case .malformed: "a field of it has no valid value"
        case .tooLong: "something follows its last field"
        }
    }
}

/// An entry as bytes: the form in which it is journalled, chained and kept.
///
/// Two entries have the same bytes if they are the same, and the other way round. A reader that meets a version it does not know refuses it; a new
/// field is a new version.
extension LedgerEntry {
    private static let version: UInt8 = 1

    package func encoded() -> [UInt8] {
        var writer = RecordWriter()
        writer.append(byte: Self.version)
        writer.append(byte: kind.rawValue)
        switch self {
        case .request(let record): record.write(into: &writer)
        case .correction(let correction): correction.write(into: &writer)
        }
        return writer.bytes
    }

    package init(decoding bytes: some Sequence<UInt8>) throws(LedgerEntryFault) {
        var reader = RecordReader(Array(bytes)[...])
        let version = try reader.byte()
        guard version == Self.version else { throw .unknownVersion(version) }
        switch Kind(rawValue: try reader.byte()) {
        case .request: self = .request(try LedgerRecord(from: &reader))
        case .correction: self = .correction(try LedgerCorrection(from: &reader))
        case nil: throw .malformed
        }
        guard reader.isAtEnd else { throw .tooLong }
    }
}

extension LedgerRecord {
    fileprivate func write(into writer: inout RecordWriter) {
        writer.append(summary.requestID)
        writer.append(receivedUnixMilliseconds)
        writer.append(byte: outcome.code)
        writer.append(callerRequestID)
        writer.append(department)
        writer.append(user)
        writer.append(endUser)
        writer.append(usedModel)
        writer.append(provider)
        writer.append(fault)
        writer.append(tenant)
        writer.append(keyID)
        writer.append(requestedModel)
        writer.append(summary.routeReason)
        writer.append(byte: summary.cache.rawValue)
        writer.append(UInt64(clamping: summary.attempts))
        writer.append(summary.usage)
        writer.append(summary.isEstimated)
        writer.append(summary.costNanoUSD)
        writer.append(summary.priceVersion)
        writer.append(UInt64(summary.finishes.count))
        for finish in summary.finishes {
            writer.append(UInt64(clamping: finish.choice))
            writer.append(byte: finish.reason.rawValue)
            writer.append(finish.providerReason)
        }
        writer.append(UInt64(summary.scrubbed.count))
        for count in summary.scrubbed {
            writer.append(count.kind)
            writer.append(UInt64(clamping: count.count))
        }
        for phase in Phase.allCases { writer.append(UInt64(summary.timings.microseconds(phase))) }
    }

    fileprivate init(from reader: inout RecordReader) throws(LedgerEntryFault) {
        var summary = AnswerSummary(requestID: try reader.id())
        let received = try reader.number()
        guard let outcome = Outcome(code: try reader.byte()) else { throw .malformed }
        let (callerRequestID, department) = (try reader.optionalText(), try reader.optionalText())
        let (user, endUser) = (try reader.optionalText(), try reader.optionalText())
        let (usedModel, provider, fault) = (try reader.optionalText(), try reader.optionalText(), try reader.optionalText())
        let (tenant, keyID, requestedModel) = (try reader.text(), try reader.text(), try reader.text())
        summary.routeReason = try reader.text()
        guard let cache = CacheStatus(rawValue: try reader.byte()) else { throw .malformed }
        summary.cache = cache
        guard let attempts = Int(exactly: try reader.number()) else { throw .malformed }
        summary.attempts = attempts
        summary.usage = TokenUsage(
            input: try reader.number(), cacheRead: try reader.number(), cacheWrite: try reader.number(), output: try reader.number(),
            reasoning: try reader.number())
        summary.isEstimated = try reader.flag()
        summary.costNanoUSD = try reader.optionalNumber()
        summary.priceVersion = try reader.optionalText()
        for _ in 0..<(try reader.count()) {
            guard let choice = Int(exactly: try reader.number()), let reason = FinishReason(rawValue: try reader.byte()) else {
                throw .malformed
            }
            summary.finishes.append(AnswerFinish(choice: choice, reason: reason, providerReason: try reader.text()))
        }
        for _ in 0..<(try reader.count()) {
            let kind = try reader.text()
            guard let count = Int(exactly: try reader.number()) else { throw .malformed }
            summary.scrubbed.append(ScrubCount(kind: kind, count: count))
        }
        for phase in Phase.allCases {
            guard let microseconds = UInt32(exactly: try reader.number()) else { throw .malformed }
            summary.timings[phase] = Int64(microseconds) * 1_000
        }
        self.init(
            summary: summary, tenant: tenant, department: department, user: user, keyID: keyID, endUser: endUser,
            callerRequestID: callerRequestID, requestedModel: requestedModel, usedModel: usedModel, provider: provider, outcome: outcome,
            fault: fault, receivedUnixMilliseconds: received)
    }
}

extension LedgerCorrection {
    fileprivate func write(into writer: inout RecordWriter) {
        writer.append(id)
        writer.append(requestID)
        writer.append(receivedUnixMilliseconds)
        for text in [tenant, keyID, reason] { writer.append(text) }
        for text in [department, user, priceVersion] { writer.append(text) }
        writer.append(signed: costNanoUSD)
    }

    fileprivate init(from reader: inout RecordReader) throws(LedgerEntryFault) {
        let (id, requestID) = (try reader.id(), try reader.id())
        let received = try reader.number()
        let (tenant, keyID, reason) = (try reader.text(), try reader.text(), try reader.text())
        let (department, user, priceVersion) = (try reader.optionalText(), try reader.optionalText(), try reader.optionalText())
        self.init(
            id: id, requestID: requestID, tenant: tenant, department: department, user: user, keyID: keyID,
            costNanoUSD: try reader.signed(), priceVersion: priceVersion, reason: reason, receivedUnixMilliseconds: received)
    }
}

extension Outcome {
    fileprivate var code: UInt8 {
        switch self {
        case .answered: 1
        case .failed: 2
        case .cancelled: 3
        case .expired: 4
        }
    }

    fileprivate init?(code: UInt8) {
        switch code {
        case 1: self = .answered
        case 2: self = .failed
        case 3: self = .cancelled
        case 4: self = .expired
        default: return nil
        }
    }
}
