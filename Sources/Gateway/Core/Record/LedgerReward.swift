/// What was decided for an arbitrated request, by whom it was answered, and what its answer said of itself.
package struct LedgerDecision: Sendable, Equatable {
    package var id: RequestID
    package var requestID: RequestID
    package var tenant: String
    package var department: String?
    package var user: String?
    package var keyID: String
    package var route: String
    /// The model that was called last.
    package var model: String
    /// ``DecisionRecord``, in its JSON form.
    package var record: String
    /// Of the answer of the model that was called last; others have rows of their own.
    package var signals: [ObservedQuality]
    /// When the request had arrived, in milliseconds since 1970.
    package var receivedUnixMilliseconds: UInt64

    package init(
        requestID: RequestID, tenant: String, department: String?, user: String?, keyID: String, route: String, model: String,
        record: String, signals: [ObservedQuality]
    ) {
        // Made again it is the same, id and all.
        id = RequestID(high: requestID.high, low: requestID.low ^ 0xA5A5_A5A5_0000_0001)
        self.requestID = requestID
        self.tenant = tenant
        self.department = department
        self.user = user
        self.keyID = keyID
        self.route = route
        self.model = model
        self.record = record
        self.signals = signals
        receivedUnixMilliseconds = requestID.unixMilliseconds
    }
}

/// What was said later of an arbitrated answer's quality.
package struct LedgerReward: Sendable, Equatable {
    package var id: RequestID
    /// Whose answer it is about.
    package var requestID: RequestID
    package var tenant: String
    package var department: String?
    package var user: String?
    package var keyID: String
    package var route: String
    package var model: String
    package var signal: ObservedQuality
    package var receivedUnixMilliseconds: UInt64

    /// Each sign once for each answer, and the failure of each arm once: made again it is the same, id and all.
    package init(_ answer: ArbitratedAnswer, _ signal: ObservedQuality) {
        let arm = signal.signal == .error ? Hash.mixed(answer.arm.utf8.reduce(Hash.start, Hash.extended)) : 0
        id = RequestID(high: answer.id.high, low: answer.id.low ^ 0xA5A5_A5A5_0000_0100 ^ UInt64(signal.signal.rawValue) ^ arm)
        requestID = answer.id
        tenant = answer.tenant
        department = answer.department
        user = answer.user
        keyID = answer.keyID
        route = answer.route
        model = answer.arm
        self.signal = signal
        receivedUnixMilliseconds = answer.id.unixMilliseconds
    }
}

extension LedgerDecision {
    func write(into writer: inout RecordWriter) {
        writer.append(requestID)
        for text in [tenant, keyID, route, model, record] { writer.append(text) }
        for text in [department, user] { writer.append(text) }
        writer.append(UInt64(signals.count))
        for signal in signals { signal.write(into: &writer) }
    }

    init(from reader: inout RecordReader) throws(LedgerEntryFault) {
        let requestID = try reader.id()
        let (tenant, keyID, route) = (try reader.text(), try reader.text(), try reader.text())
        let (model, record) = (try reader.text(), try reader.text())
        let (department, user) = (try reader.optionalText(), try reader.optionalText())
        var signals: [ObservedQuality] = []
        for _ in 0..<(try reader.count()) { signals.append(try ObservedQuality(from: &reader)) }
        self.init(
            requestID: requestID, tenant: tenant, department: department, user: user, keyID: keyID, route: route, model: model,
            record: record, signals: signals)
    }
}

extension LedgerReward {
    func write(into writer: inout RecordWriter) {
        writer.append(requestID)
        for text in [tenant, keyID, route, model] { writer.append(text) }
        for text in [department, user] { writer.append(text) }
        signal.write(into: &writer)
    }

    init(from reader: inout RecordReader) throws(LedgerEntryFault) {
        let requestID = try reader.id()
        let (tenant, keyID, route, model) = (try reader.text(), try reader.text(), try reader.text(), try reader.text())
        let (department, user) = (try reader.optionalText(), try reader.optionalText())
        self.init(
            ArbitratedAnswer(
                id: requestID, tenant: tenant, department: department, user: user, keyID: keyID, route: route, arm: model,
                features: FeatureVector(SIMD32(repeating: 0))), try ObservedQuality(from: &reader))
    }
}

extension ObservedQuality {
    fileprivate func write(into writer: inout RecordWriter) {
        writer.append(byte: signal.rawValue)
        writer.append(qualityMillionths)
        writer.append(weightMillionths)
    }

    fileprivate init(from reader: inout RecordReader) throws(LedgerEntryFault) {
        guard let signal = QualitySignal(rawValue: try reader.byte()),
            let observed = ObservedQuality(signal, qualityMillionths: try reader.number(), weightMillionths: try reader.number())
        else { throw .malformed }
        self = observed
    }

    /// `feedback=0.75`, with the weight behind it where it is not 1: `truncation=0*0.25`.
    package var text: String {
        weightMillionths == 1_000_000 ? "\(signal.name)=\(quality)" : "\(signal.name)=\(quality)*\(weight)"
    }
}
