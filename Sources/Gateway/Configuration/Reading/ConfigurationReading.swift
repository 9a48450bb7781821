internal import GatewayCrypto

/// One reading of a file: what is known of its surroundings, and the faults found so far.
final class ConfigurationReading {
    let file: String
    let vault: Vault
    private(set) var faults: [ConfigurationFault] = []
    /// The table's paths that the loader asked for; a test holds them against the table.
    private(set) var requestedPaths: Set<String> = []

    private static let keys = Dictionary(uniqueKeysWithValues: ConfigurationKey.all.map { ($0.path, $0) })

    init(file: String, vault: Vault) {
        self.file = file
        self.vault = vault
    }

    /// The table's entry. Asking for a key that is not in the table is a mistake of the loader's, not of the file's.
    func key(_ path: String) -> ConfigurationKey {
        guard let key = Self.keys[path] else { fatalError("\(path) is not in ConfigurationKey.all") }
        requestedPaths.insert(path)
        return key
    }

    func refuse(_ key: String, at position: Position, _ problem: ValueProblem) {
        faults.append(
            ConfigurationFault(
                file: file, line: position.line, column: position.column, key: key, problem: problem.problem, remedy: problem.remedy))
    }

    /// The bytes of a file that the configuration names.
    func contents(of path: String) -> [UInt8]? {
        try? vault.contents(of: resolved(path))
    }

    /// The same of a file that is a secret.
    func secretFile(at path: String) -> Secret? {
        try? vault.secretFile(at: resolved(path))
    }

    /// A path of the file's, which is relative to the configuration's own folder.
    func resolved(_ path: String) -> String {
        guard !path.hasPrefix("/"), let slash = file.lastIndex(of: "/") else { return path }
        return file[...slash] + path
    }

    /// The secret that a value of the file names.
    func secret(named name: String, minimumCount: Int) throws(ValueProblem) -> Secret {
        try vault.secret(named: name, minimumCount: minimumCount)
    }

    /// The same, where it may not be there at all.
    func secret(named name: String, isOptional: Bool) throws(ValueProblem) -> Secret? {
        if isOptional, !vault.holds(name) { return nil }
        return try secret(named: name, minimumCount: 1)
    }
}

/// Where something stands in the file, from 1.
struct Position {
    var line: Int
    var column: Int

    static let start = Position(line: 1, column: 1)
}

/// A value and where it stands.
struct Located<Value> {
    var value: Value
    var position: Position
}
