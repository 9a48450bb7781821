import CPrefilter
import Testing

@testable import Scrubbing

@Suite("Prefilter")
struct PrefilterTests {
    @Test(
        "every instruction set of this machine gives the triggers of the portable one",
        arguments: InstructionSet.allCases.filter(\.isAvailable))
    func setsAgree(set: InstructionSet) {
        var generator = TextGenerator(seed: 40)
        for round in 0..<60 {
            var bytes = generator.noise(count: round * 7)
            for _ in 0..<round { bytes += generator.text(pieces: 8) }
            #expect(triggers(bytes, set) == triggers(bytes, .portable))
        }
    }

    @Test(
        "every instruction set of this machine finds the starts of words that the portable one does",
        arguments: InstructionSet.allCases.filter(\.isAvailable))
    func setsAgreeOnWords(set: InstructionSet) {
        var generator = TextGenerator(seed: 42)
        for round in 0..<200 {
            let bytes = round % 4 == 0 ? generator.noise(count: 200) : generator.text(pieces: 12)
            bytes.withUnsafeBufferPointer { bytes in
                guard let base = bytes.baseAddress else { return }
                let text = Text(base, count: bytes.count)
                for from in bytes.indices {
                    let range = from..<min(bytes.count, from + Int.random(in: 1...64, using: &generator.random))
                    let words = { (set: InstructionSet) in set.findWords(text, range, beginnings: ContextIndex.shared.beginnings) }
                    #expect(words(set) == words(.portable))
                }
            }
        }
    }

    @Test(
        "names of credentials are found before their signs at every place of a block, however they are written",
        arguments: InstructionSet.allCases.filter(\.isAvailable))
    func setsAgreeOnNames(set: InstructionSet) {
        let names = [
            "password", "passwd", "pswd", "pwd", "pass", "secret", "token", "apikey", "clave", "credential", "credentials", "auth",
            "passphrase",
            "contraseña", "contraseñas", "contrasena", "psw", "passwords", "senha", "passwort", "kennwort", "authorization", "session",
            "creds", "secrets",
            "tokens", "keys", "sig", "pat", "mot_de_passe", "passcode", "value", "sid", "sessionid", "db_pw", "cookie", "clave de api",
            "clave secreta",
            "cred", "accesskeyid", "pin", "default", "string", "pass_word", "to-ken", "key", "duration", "bytes",
        ]
        for name in names {
            for form in [
                "\(name)=x", "\"\(name)\": 1", "\(name.uppercased())_2 = 1", "\(name)_hash: y", "\(name)Value='",
                "\(name.prefix(1).uppercased() + name.dropFirst())[] != 1",
            ] {
                for lead in [0, 1, 2, 3] + Array(48...66) + Array(110...128) {
                    let bytes =
                        Array(repeating: UInt8(ascii: "."), count: lead) + Array(form.utf8)
                        + Array(repeating: UInt8(ascii: " "), count: 140)
                    #expect(triggers(bytes, set) == triggers(bytes, .portable), "\(form) behind \(lead) bytes")
                }
            }
        }
        let named = triggers(Array("   password = x".utf8), set)
        #expect(named.contains { $0.rules & UInt16(AGENTSHIELD_RULE_ASSIGN) != 0 })
    }

    @Test("a word starts at a letter behind what is none, and at a capital behind a small letter")
    func wordStarts() {
        let bytes = Array("tel homePhone hotel étel <EMAIL> ***TEL_telx teTEL né_".utf8)
        bytes.withUnsafeBufferPointer { bytes in
            guard let base = bytes.baseAddress else { return }
            let text = Text(base, count: bytes.count)
            let found = InstructionSet.portable.findWords(text, 0..<bytes.count, beginnings: ContextIndex.shared.beginnings)
            let starts = bytes.indices.filter { found >> UInt64($0) & 1 != 0 }
            let words = starts.map { String(decoding: bytes[$0...].prefix(3), as: UTF8.self) }
            #expect(words == ["tel", "Pho", "EMA", "> *", "***", "**T", "*TE", "TEL", "tel", "TEL", "né"])
        }
    }

    @Test(
        "a text that goes on has the triggers of all its continuations, wherever it is cut",
        arguments: InstructionSet.allCases.filter(\.isAvailable))
    func openTextsForeseeTheirEnds(set: InstructionSet) throws {
        var generator = TextGenerator(seed: 41)
        for round in 0..<60 {
            let bytes = round % 4 == 0 ? generator.noise(count: 300) : generator.text(pieces: 12)
            let whole = triggers(bytes, set)
            for end in 0...bytes.count {
                let start = max(0, end - Int.random(in: 0...150, using: &generator.random))
                let foreseen = triggers(bytes[..<end], from: start, goesOn: true, set)
                for trigger in whole where (start..<end).contains(trigger.position) {
                    let rules = foreseen.first { $0.position == trigger.position }?.rules ?? 0
                    let weak = UInt16(AGENTSHIELD_RULE_WEAK | AGENTSHIELD_RULE_VERSION)
                    // A number may be a year too.
                    let isNumber = rules & UInt16(AGENTSHIELD_RULE_NUMBER) != 0
                    let missing = trigger.rules & ~rules & ~weak & ~UInt16(isNumber ? AGENTSHIELD_RULE_YEAR : 0)
                    try #require(missing == 0, "\(trigger) of \(bytes) at \(end)")
                    #expect(rules & ~trigger.rules & weak == 0, "what may become more is not weak")
                }
                #expect(foreseen == triggers(bytes[..<end], from: start, goesOn: true, .portable))
            }
        }
    }

    @Test("at the end of prose that goes on, hardly any word but the last may yet be something")
    func openProseIsQuiet() {
        let prose = Array("It was a bright cold day in April, and the clocks were striking thirteen (or so they said) everywhere".utf8)
        let ends = (1...prose.count).filter { prose[$0 - 1] == UInt8(ascii: " ") }
        let loud = ends.filter { end in
            let last = prose[..<end].split(separator: UInt8(ascii: " ")).last?.startIndex ?? 0
            return triggers(prose[..<end], goesOn: true, .best).contains { $0.position < last }
        }
        #expect(ends.count > 15 && loud.count <= 3)
    }

    @Test("an entity is found at every offset from the edges of blocks and tiles")
    func findsAcrossEdges() {
        var scanner = Scanner()
        for entity in TextGenerator.entities {
            for edge in [64, 4096] {
                let length = entity.utf8.count
                for start in max(0, edge - length)...edge {
                    let bytes = Array(repeating: UInt8(ascii: " "), count: start) + Array(entity.utf8)
                    #expect(!scanner.findings(in: bytes).isEmpty, "\(entity) at \(start)")
                }
            }
        }
    }

    @Test("plain prose has almost no triggers")
    func proseIsQuiet() {
        let prose = Array(
            repeating: "It was a bright day (cold, too), and all the clocks were striking; said he: \"thirteen!\" - at 7 or 8.\n", count: 40
        ).joined()
        #expect(triggers(Array(prose.utf8), .best).count == 0)
    }

    @Test("codes in the form of an IBAN are narrowed to the countries that have one")
    func narrowsToCountries() {
        let letters = UInt8(ascii: "A")...UInt8(ascii: "Z")
        for first in letters {
            for second in letters {
                let bytes = [first, second] + Array("9121000418450200051332".utf8)
                let isCode = triggers(bytes, .best).contains { $0.rules & UInt16(AGENTSHIELD_RULE_CODE) != 0 }
                #expect(isCode == (IBAN.length(of: first, second) > 0), "\(String(decoding: bytes, as: UTF8.self))")
            }
        }
    }

    @Test(
        "what stands in logs and is nobody's is narrowed away",
        arguments: [
            "2026-09-28T10:26:45.852Z", "[28/Nov/2026:12:41:34 +0000]", "f24477aa-2db8-4203-a1ac-2e1c69848325", "\"duration_ms\":1767.401",
            "page(2026)", "HTTP/1.1\" 200 581 ", "12:41:34 +0000] \"GET /img\"", "items=23 took 12ms", "$149.99 for two", "sha256=4953d920",
            "en 38,30 euros", "is 4274 apples", "desde 2019 hasta",
        ])
    func logsAreQuiet(line: String) {
        let rules = UInt16(AGENTSHIELD_RULE_CODE | AGENTSHIELD_RULE_COLON | AGENTSHIELD_RULE_NUMBER)
        #expect(triggers(Array(line.utf8), .best).allSatisfy { $0.rules & rules == 0 })
    }

    private struct Trigger: Equatable {
        var position: Int
        var rules: UInt16
    }

    private func triggers(
        _ bytes: some Collection<UInt8>, from start: Int = 0, goesOn: Bool = false, _ set: InstructionSet
    ) -> [Trigger] {
        var found: [Trigger] = []
        var buffer = [agentshield_trigger](repeating: agentshield_trigger(), count: 4096)
        Array(bytes).withUnsafeBufferPointer { bytes in
            guard let base = bytes.baseAddress else { return }
            for from in stride(from: start, to: bytes.count, by: 4096) {
                let to = min(from + 4096, bytes.count)
                let count = agentshield_find_triggers(set.set, base, bytes.count, from, to, goesOn, &buffer)
                found += buffer[..<count].map { Trigger(position: from + Int($0.position), rules: $0.rules) }
            }
        }
        return found
    }
}
