/// Rules of style that a compiler does not keep. Each says what to do instead.
enum SourceRules {
    static let maxLines = 500

    /// What is wrong with any file's size.
    static func sizeViolations(in file: Repository.File) -> [String] {
        let count = file.lines.count - (file.text.hasSuffix("\n") ? 1 : 0)
        return count > maxLines && !file.isGenerated ? ["\(file.path) has \(count) lines: split it, \(maxLines) is the limit"] : []
    }

    /// What is wrong with the names of a Swift file and of the types in it.
    static func nameViolations(in file: Repository.File) -> [String] {
        let advice = [
            "Utils": "name it after what it does", "Util": "name it after what it does", "Helper": "name it after what it does",
            "Helpers": "name it after what they do", "Manager": "name what it manages", "Impl": "name what is special about it",
        ]
        let fileName = file.path.split(separator: "/").last.map { $0.prefix { $0 != "." && $0 != "+" } } ?? ""
        let names = [(fileName, "file")] + declaredTypes(in: file).map { ($0, "type") }
        return names.flatMap { name, what in
            advice.filter { name.hasSuffix($0.key) }.map { "\(file.path): the \(what) \(name) ends with \($0.key); \($0.value)" }
        }
    }

    /// The names of the types that a Swift file declares.
    static func declaredTypes(in file: Repository.File) -> [Substring] {
        file.lines.filter { !isComment($0) }.compactMap { line in
            let words = line.split { !$0.isLetter && !$0.isNumber && $0 != "_" }
            guard let index = words.firstIndex(where: { ["struct", "class", "enum", "protocol", "actor", "typealias"].contains($0) }) else {
                return nil
            }
            return words.dropFirst(index + 1).first
        }
    }

    /// What pure modules must not reach for.
    static let impure: [(pattern: String, advice: String)] = [
        ("getenv", "take the value as a parameter"), ("processInfo.environment", "take the value as a parameter"),
        ("Date()", "take `now` as a parameter"), ("NIODeadline.now()", "take `now` as a parameter"),
        ("DispatchTime.now()", "take `now` as a parameter"),
        ("ContinuousClock", "take `now` as a parameter"), ("SuspendingClock", "take `now` as a parameter"),
        ("clock_gettime", "take `now` as a parameter"),
        ("SystemRandomNumberGenerator", "take the random source as a parameter"), ("FileManager", "take the bytes as a parameter"),
    ]

    static func purityViolations(in file: Repository.File) -> [String] {
        violations(in: file) { line in
            if let found = impure.first(where: { line.contains($0.pattern) }) { return "\(found.pattern): \(found.advice)" }
            let drawsUnseen = [".random(in:", ".randomElement(", ".shuffled("].contains { line.contains($0) } && !line.contains("using:")
            return drawsUnseen ? "chance: take the random source as a parameter" : nil
        }
    }

    /// The only files that touch the environment: the gateway's vault, and the SDK's reader, which its user calls.
    static let environmentReaders: Set<String> = [
        "Sources/Gateway/App/Wiring/Vault+Process.swift", "Sources/ClientSDK/Configuration/Configuration+Environment.swift",
    ]

    static func environmentViolations(in file: Repository.File) -> [String] {
        if environmentReaders.contains(file.path) { return [] }
        return violations(in: file) { line in
            [
                "getenv", "setenv", "putenv", "clearenv", "extern char **environ", "processInfo.environment", "ProcessInfo().environment",
                "environ[", "/environ",
            ].contains {
                line.contains($0)
            } ? "touches the environment: only the Vault does; ask it for the secret" : nil
        }
    }

    /// What no source of the product has.
    static func unfinishedViolations(in file: Repository.File) -> [String] {
        file.lines.enumerated().compactMap { index, line in
            let words = line.split { !$0.isLetter }
            if words.contains(where: { ["TODO", "FIXME", "XXX", "HACK"].contains($0) }) {
                return "\(file.path):\(index + 1): leaves work behind: do it, or file an issue"
            }
            if !isComment(line), line.contains("try!") || line.contains(" as! ") {
                return "\(file.path):\(index + 1): traps: throw, or handle the failure"
            }
            return nil
        }
    }

    /// `@unchecked Sendable` stands under a comment that says what protects the state.
    static func sendableViolations(in file: Repository.File) -> [String] {
        let lines = file.lines
        return lines.indices.compactMap { index in
            guard lines[index].contains("@unchecked Sendable"), !isComment(lines[index]) else { return nil }
            let comment = lines[..<index].reversed().prefix { isComment($0) || $0.contains("@") }
            return comment.contains(where: isComment) ? nil : "\(file.path):\(index + 1): say in a comment what protects the state"
        }
    }

    private static func violations(in file: Repository.File, _ check: (Substring) -> String?) -> [String] {
        file.lines.enumerated().compactMap { index, line in
            isComment(line) ? nil : check(line).map { "\(file.path):\(index + 1): \($0)" }
        }
    }

    private static func isComment(_ line: Substring) -> Bool {
        line.drop { $0 == " " }.hasPrefix("//")
    }
}
