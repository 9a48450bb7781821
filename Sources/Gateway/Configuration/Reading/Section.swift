internal import Scrubbing
internal import Yams

/// A section of the file under reading, or one that is not there and has its defaults.
///
/// Every fault goes to `reading`. What a reader returns after a fault is a stand-in: nothing of a configuration with a fault is used.
struct Section {
    let reading: ConfigurationReading
    /// `nil`: the section is not there.
    let mapping: Node.Mapping?
    let position: Position
    /// As it stands in the file: `providers.openai`.
    let path: String
    /// As it stands in the table: `providers.*`.
    let pattern: String

    /// The whole file.
    ///
    /// - Parameter pattern: what the file is as a whole: empty for a configuration, `scrub.policies.*` for a policy alone.
    init(root: Node.Mapping, reading: ConfigurationReading, pattern: String = "") {
        self.init(reading: reading, mapping: root, position: .start, path: "", pattern: pattern)
    }

    private init(reading: ConfigurationReading, mapping: Node.Mapping?, position: Position, path: String, pattern: String) {
        self.reading = reading
        self.mapping = mapping
        self.position = position
        self.path = path
        self.pattern = pattern
        if let mapping { refuseUnknownKeys(of: mapping) }
    }

    // MARK: - Faults

    func refuse(_ key: String, _ problem: String, remedy: String) {
        refuse(key, at: self.position(of: key), ValueProblem(problem, remedy: remedy))
    }

    func refuse(_ key: String, at position: Position, _ problem: ValueProblem) {
        reading.refuse(shown(key), at: position, problem)
    }

    /// Where the key's value stands; the section itself, if it is not there.
    func position(of key: String) -> Position {
        node(key).map { Position($0, otherwise: position) } ?? position
    }

    func has(_ key: String) -> Bool { node(key) != nil }

    private func shown(_ key: String) -> String {
        path.isEmpty ? key : key.isEmpty ? path : "\(path).\(key)"
    }

    private func tablePath(_ key: String) -> String { pattern.isEmpty ? key : "\(pattern).\(key)" }

    private func node(_ key: String) -> Node? {
        mapping?.first { $0.key.scalar?.string == key }?.value
    }

    private func refuseUnknownKeys(of mapping: Node.Mapping) {
        let siblings = ConfigurationKey.all.filter { $0.parent == pattern }.map(\.name)
        for (keyNode, _) in mapping {
            let place = Position(keyNode, otherwise: position)
            guard let key = keyNode.scalar?.string else {
                reading.refuse(
                    path, at: place,
                    ValueProblem("has a key that is no plain name", remedy: "use one of \(siblings.joined(separator: ", "))"))
                continue
            }
            if !siblings.contains(key) { refuse(key, at: place, Self.unknown(key, among: siblings)) }
        }
    }

    private static let secretNames: Set<String> = [
        "api_key", "apikey", "key", "token", "secret", "password", "pepper", "credential", "authorization", "bearer",
    ]

    private static func unknown(_ key: String, among siblings: [String]) -> ValueProblem {
        if secretNames.contains(key.lowercased()) {
            let named = siblings.first { $0.hasSuffix("_env") }.map { "name the variable in `\($0)`" } ?? "keep it out of the file"
            return ValueProblem(
                "would put a secret into the file",
                remedy: "put the secret into an environment variable NAME, or a file named by NAME_FILE, and \(named)")
        }
        if let meant = Suggestion.closest(to: key, among: siblings) {
            return ValueProblem("is no key", remedy: "did you mean `\(meant)`?")
        }
        let elsewhere = ConfigurationKey.all.filter { $0.name == key }.map { "`\($0.path)`" }
        if !elsewhere.isEmpty { return ValueProblem("is no key here", remedy: "there is \(elsewhere.joined(separator: ", "))") }
        return ValueProblem("is no key", remedy: "remove it; here may stand \(siblings.joined(separator: ", "))")
    }

    // MARK: - Scalars

    /// The key's value; its default, if it has one, where there is no value or a wrong one, so that no other fault follows from it.
    private func value(_ key: String) -> ConfigurationValue? {
        let entry = reading.key(tablePath(key))
        if let node = node(key), let found = scalar(node, key: key, type: entry.type) { return found.value }
        switch entry.absence {
        case .required:
            if !has(key) { refuse(key, "is missing", remedy: "add `\(key): …` here, a \(entry.type.name)") }
            return nil
        case .defaultText(let text): return try? entry.type.parse(text)
        case .means: return nil
        }
    }

    private func scalar(_ node: Node, key: String, type: ConfigurationKey.ValueType) -> Located<ConfigurationValue>? {
        let place = Position(node, otherwise: position)
        guard let text = node.scalar?.string else {
            refuse(key, at: place, ValueProblem("is not a single value", remedy: "write a \(type.name)"))
            return nil
        }
        if refuseNull(node, key: key, type: type) { return nil }
        if Self.looksLikeSecret(text) {
            refuse(
                key, at: place,
                ValueProblem(
                    "looks like a secret",
                    remedy:
                        "take it out of the file, and into an environment variable NAME or a file named by NAME_FILE; if others could read it, replace it"
                ))
            return nil
        }
        do {
            return Located(value: try type.parse(text), position: place)
        } catch {
            refuse(key, at: place, error)
            return nil
        }
    }

    private func refuseNull(_ node: Node, key: String, type: ConfigurationKey.ValueType) -> Bool {
        guard let scalar = node.scalar, scalar.style == .plain || scalar.style == .any,
            ["", "~", "null", "Null", "NULL"].contains(scalar.string)
        else { return false }
        refuse(
            key, at: Position(node, otherwise: position), ValueProblem("has no value", remedy: "give it a \(type.name), or remove the key"))
        return true
    }

    private static func looksLikeSecret(_ text: String) -> Bool {
        let prefixes = ["sk-", "sk_", "ask_", "pk-", "ghp_", "AKIA", "xoxb-", "AIza", "eyJ", "Bearer ", "-----BEGIN"]
        return text.utf8.count >= 16 && prefixes.contains { text.hasPrefix($0) }
    }

    func optionalText(_ key: String) -> String? {
        if case .text(let text) = value(key) { text } else { nil }
    }

    func text(_ key: String) -> String { optionalText(key) ?? "" }

    func optionalInteger(_ key: String) -> Int? {
        if case .integer(let number) = value(key) { number } else { nil }
    }

    func integer(_ key: String) -> Int { optionalInteger(key) ?? 1 }

    func optionalDuration(_ key: String) -> Duration? {
        if case .duration(let duration) = value(key) { duration } else { nil }
    }

    func duration(_ key: String) -> Duration { optionalDuration(key) ?? .zero }

    func flag(_ key: String) -> Bool {
        if case .flag(let flag) = value(key) { flag } else { false }
    }

    func optionalAddress(_ key: String) -> ListenAddress? {
        if case .address(let address) = value(key) { address } else { nil }
    }

    func optionalURL(_ key: String) -> ProviderURL? {
        if case .url(let url) = value(key) { url } else { nil }
    }

    func optionalPrice(_ key: String) -> UInt64? {
        if case .price(let price) = value(key) { price } else { nil }
    }

    func optionalAmount(_ key: String) -> Int64? {
        if case .amount(let amount) = value(key) { amount } else { nil }
    }

    func score(_ key: String) -> Float {
        if case .score(let score) = value(key) { score } else { 0 }
    }

    func optionalDecimal(_ key: String) -> Double? {
        if case .decimal(let number) = value(key) { number } else { nil }
    }

    func decimal(_ key: String) -> Double { optionalDecimal(key) ?? 0 }

    /// What is done with a kind.
    func scrubAction(_ key: String) -> ScrubAction {
        optionalText(key).flatMap(ScrubAction.init(configured:)) ?? .redact
    }

    func optionalInstant(_ key: String) -> Int64? {
        if case .instant(let instant) = value(key) { instant } else { nil }
    }

    /// One of the cases whose raw values are the key's choices.
    func choice<Choice: RawRepresentable<String> & CaseIterable>(_ key: String) -> Choice {
        if let choice = optionalText(key).flatMap(Choice.init(rawValue:)) { return choice }
        return Choice.allCases[Choice.allCases.startIndex]
    }

    /// What the key's value is besides the types above.
    func optionalValue(_ key: String) -> ConfigurationValue? { value(key) }

    /// A list of names, none twice.
    func texts(_ key: String) -> [Located<String>] {
        let entry = reading.key(tablePath(key))
        guard case .list(let element) = entry.type else { return [] }
        guard let node = node(key) else {
            if case .required = entry.absence { refuse(key, "is missing", remedy: "add `\(key): […]` here, a \(entry.type.name)") }
            if case .defaultText(let text) = entry.absence { return [Located(value: text, position: position)] }
            return []
        }
        guard let sequence = node.sequence else {
            if !refuseNull(node, key: key, type: entry.type) { refuse(key, "is no list", remedy: "write \(key): [first, second]") }
            return []
        }
        if sequence.isEmpty { refuse(key, "is an empty list", remedy: "name at least one, or remove the key") }
        var seen: Set<String> = []
        return sequence.enumerated().compactMap { index, node in
            guard let found = scalar(node, key: "\(key)[\(index)]", type: element), case .text(let text) = found.value else { return nil }
            if !seen.insert(text).inserted {
                refuse("\(key)[\(index)]", at: found.position, ValueProblem("is there twice", remedy: "remove one"))
            }
            return Located(value: text, position: found.position)
        }
    }
}

// MARK: - Sections

extension Section {
    /// The section below; one with all defaults, if it is not there.
    func section(_ key: String) -> Section {
        let entry = reading.key(tablePath(key))
        guard let node = node(key) else {
            if case .required = entry.absence { refuse(key, "is missing", remedy: "add a section `\(key):`") }
            return Section(reading: reading, mapping: nil, position: position, path: shown(key), pattern: entry.path)
        }
        guard let mapping = mapping(node, key: key) else {
            return Section(reading: reading, mapping: nil, position: position, path: shown(key), pattern: entry.path)
        }
        return Section(
            reading: reading, mapping: mapping, position: Position(node, otherwise: position), path: shown(key), pattern: entry.path)
    }

    /// The word that stands where a section may stand; `nil`: there is a section, or nothing.
    func word(at key: String) -> String? { node(key)?.scalar?.string }

    /// The section below, if it is there.
    func optionalSection(_ key: String) -> Section? {
        has(key) ? section(key) : nil
    }

    /// The sections of a list.
    func sections(_ key: String) -> [Section] {
        let entry = reading.key(tablePath(key))
        guard let node = node(key) else {
            if case .required = entry.absence { refuse(key, "is missing", remedy: "add a list `\(key):`") }
            return []
        }
        guard let sequence = node.sequence else {
            refuse(key, "is no list", remedy: "begin each entry with `- `")
            return []
        }
        if sequence.isEmpty { refuse(key, "is an empty list", remedy: "add an entry, or remove the key if it may be absent") }
        return sequence.enumerated().compactMap { index, node in
            let name = "\(key)[\(index)]"
            guard let mapping = mapping(node, key: name) else { return nil }
            return Section(
                reading: reading, mapping: mapping, position: Position(node, otherwise: position), path: shown(name),
                pattern: entry.path + "[]")
        }
    }

    /// Scores under names.
    func scores(_ key: String) -> [(name: String, score: Located<Float>)] {
        let entry = reading.key(tablePath(key))
        guard let node = node(key), let mapping = mapping(node, key: key) else { return [] }
        return mapping.compactMap { keyNode, valueNode in
            guard let name = keyNode.scalar?.string else { return nil }
            guard let found = scalar(valueNode, key: "\(key).\(name)", type: .score), case .score(let score) = found.value,
                case .scores = entry.type
            else { return nil }
            return (name, Located(value: score, position: found.position))
        }
    }

    /// The names below the key, of sections that have faults too, so that one fault is not reported as several.
    func names(below key: String) -> Set<String> {
        Set(node(key)?.mapping?.compactMap { $0.key.scalar?.string } ?? [])
    }

    /// The sections under names that the author chose.
    func namedSections(_ key: String) -> [(name: String, section: Section)] {
        let entry = reading.key(tablePath(key))
        guard let node = node(key) else {
            if case .required = entry.absence { refuse(key, "is missing", remedy: "add a section `\(key):`") }
            return []
        }
        guard let mapping = mapping(node, key: key) else { return [] }
        if mapping.isEmpty { refuse(key, "is empty", remedy: "add a section under a name of your choice") }
        return mapping.compactMap { keyNode, valueNode in
            let place = Position(keyNode, otherwise: position)
            guard let name = keyNode.scalar?.string, ConfigurationKey.ValueType.isIdentifier(name) else {
                refuse(
                    key, at: place, ValueProblem("has a name that is no identifier", remedy: "use letters, digits, ., _ and -; at most 64"))
                return nil
            }
            guard let mapping = self.mapping(valueNode, key: "\(key).\(name)") else { return nil }
            return (
                name,
                Section(reading: reading, mapping: mapping, position: place, path: shown("\(key).\(name)"), pattern: entry.path + ".*")
            )
        }
    }

    private func mapping(_ node: Node, key: String) -> Node.Mapping? {
        if let mapping = node.mapping { return mapping }
        let place = Position(node, otherwise: position)
        refuse(key, at: place, ValueProblem("is no section", remedy: "write keys below it, or `{}` for a section with all defaults"))
        return nil
    }
}

extension Position {
    init(_ node: Node, otherwise: Position) {
        self = node.mark.map { Position(line: $0.line, column: $0.column) } ?? otherwise
    }
}
