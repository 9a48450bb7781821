import Foundation

/// Other programs on the same bytes, with patterns of the same kinds.
///
/// Both only count matches: no check digits, no context, no replacement. Each is timed over texts of two sizes, and the difference counts:
/// its start and the compilation of its patterns do not.
struct Rivals {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    let folder: URL
    /// Small and large text, in MiB.
    let mebibytes: (small: Int, large: Int)

    /// Milliseconds per MiB, nil where the program is not there.
    func ripgrep(_ corpus: Corpus) throws -> Double? {
        let patterns = folder.appendingPathComponent("patterns")
        try Data((Self.kinds.joined(separator: "\n") + "\n").utf8).write(to: patterns)
        return try time("rg", ["--no-config", "--no-unicode", "--threads", "1", "--count-matches", "--text", "-f", patterns.path], corpus)
    }

    func python(_ corpus: Corpus) throws -> Double? {
        let script = folder.appendingPathComponent("count.py")
        try Data(Self.script.utf8).write(to: script)
        return try time("python3", ["-S", "-E", script.path], corpus)
    }

    private func time(_ name: String, _ arguments: [String], _ corpus: Corpus) throws -> Double? {
        guard let program = Self.find(name) else { return nil }
        var times: [Double] = []
        for _ in 0..<3 {
            let small = try cpuSeconds(program, arguments, corpus, mebibytes.small)
            let large = try cpuSeconds(program, arguments, corpus, mebibytes.large)
            times.append((large - small) * 1_000 / Double(mebibytes.large - mebibytes.small))
        }
        return times.sorted()[1]
    }

    /// Time on a core, of the program alone.
    private func cpuSeconds(_ program: URL, _ arguments: [String], _ corpus: Corpus, _ mebibytes: Int) throws -> Double {
        let text = folder.appendingPathComponent("\(corpus.rawValue)-\(mebibytes)")
        if !FileManager.default.fileExists(atPath: text.path) {
            let mebibyte = Data(corpus.bytes(1 << 20, seed: 1))
            try Data().write(to: text)
            let file = try FileHandle(forWritingTo: text)
            for _ in 0..<mebibytes { try file.write(contentsOf: mebibyte) }
            try file.close()
        }
        return try Self.run(program, arguments + [text.path])
    }

    /// Runs a program to its end; its user and system time in seconds.
    private static func run(_ program: URL, _ arguments: [String]) throws -> Double {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        var words: [UnsafeMutablePointer<CChar>?] = ([program.path] + arguments).map { strdup($0) } + [nil]
        defer { words.forEach { free($0) } }
        var child = pid_t()
        guard posix_spawn(&child, program.path, &actions, nil, &words, environ) == 0 else {
            throw Failure(description: "\(program.lastPathComponent) does not start")
        }
        var status: Int32 = 0
        var usage = rusage()
        // An exit status of 1 is ripgrep's "nothing found".
        guard wait4(child, &status, 0, &usage) == child, status == 0 || status == 1 << 8 else {
            throw Failure(description: "\(program.lastPathComponent) failed")
        }
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1_000_000 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }

    private static func find(_ name: String) -> URL? {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
        return folders.map { URL(fileURLWithPath: $0).appendingPathComponent(name) }
            .first { FileManager.default.isExecutableFile(atPath: $0.path) }
    }

    /// One expression for each kind that a single one can say.
    private static let kinds = [
        #"[A-Za-z0-9._%+'-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}"#, #"\b(?:\d[ -]?){12,18}\d\b"#,
        #"(?i)\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){3,7}(?:[ -]?[A-Z0-9]{1,3})?\b"#, #"(?i)\b\d{8}[ -]?[A-Z]\b"#,
        #"(?i)\b[XYZ]-?\d{7}-?[A-Z]\b"#,
        #"(?i)\b[A-HJNP-SUVW]-?\d{7}-?[0-9A-J]\b"#, #"\b\d{3}-\d{2}-\d{4}\b"#, #"(?i)\b[A-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b"#,
        #"\b\d{3} ?\d{3} ?\d{4}\b"#, #"(?i)\b[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]\b"#, #"\b\d{3}\.\d{3}\.\d{3}-\d{2}\b"#,
        #"\b\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2}\b"#, #"(?i)\b[A-Z]{4}\d{6}[HM][A-Z]{5}[0-9A-Z]\d\b"#, #"\b[A-Z]{5}\d{4}[A-Z]\b"#,
        #"\+\d{1,3}(?:[ .-]?\(?\d{1,4}\)?){2,6}"#, #"\(\d{3}\) ?\d{3}-\d{4}"#, #"\b(?:\d{1,3}\.){3}\d{1,3}\b"#,
        #"(?i)\b(?:[0-9a-f]{1,4}:){2,7}(?::?[0-9a-f]{1,4})+\b"#, #"(?i)\b(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}\b"#,
        #"(?i)\b(?:bc1[a-z0-9]{11,71}|[13][a-km-zA-HJ-NP-Z1-9]{25,34})\b"#, #"\b0x[0-9a-fA-F]{40}\b"#,
        #"\beyJ[A-Za-z0-9_-]{7,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"#, #"-----BEGIN [A-Z ]*PRIVATE KEY-----"#,
        #"\b(?:sk-|ghp_|gho_|glpat-|xox[bap]-|AKIA|AIza|hf_|npm_|SG\.)[A-Za-z0-9_-]{16,}"#,
        #"(?i)(?:password|passwd|pwd|secret|token|api_?key)["']? ?[:=] ?["']?[^\s"']{6,}"#, #"://[^\s/:@]+:[^\s/@]+@"#,
    ]

    private static let script = """
        import re, sys
        text = open(sys.argv[1], "rb").read()
        patterns = [
            rb"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\\.[A-Za-z]{2,}",
            rb"\\+\\d{1,3}[ .-]?\\(?\\d{1,4}\\)?(?:[ .-]?\\d{2,4}){2,4}",
            rb"\\b(?:\\d{1,3}\\.){3}\\d{1,3}\\b",
            rb"\\b(?:\\d{4}[ -]?){3}\\d{4}\\b",
        ]
        print(sum(sum(1 for _ in re.compile(pattern).finditer(text)) for pattern in patterns))
        """
}
