/// Words that, to the left of a weak match, make it a finding. Case, and case of accented letters, make no difference.
struct ContextWords: Sendable {
    /// Sorted, so that words with the same first byte are neighbours.
    private let words: [[UInt8]]
    /// The words by their first byte.
    private let byFirstByte: [Range<Int>]

    private init(_ list: String) {
        let words = list.split(separator: ",").map { Array($0.utf8) }.sorted { $0[0] < $1[0] }
        self.words = words
        byFirstByte = (0..<256).map { byte in
            let start = words.firstIndex { $0[0] >= byte } ?? words.count
            return start..<(words.firstIndex { $0[0] > byte } ?? words.count)
        }
    }

    static let phone = ContextWords(
        "tel,tlf,tfno,telf,teléfono,telefono,telephone,phone,mobile,cell,call,móvil,movil,celular,fijo,llámame,llamame,llama,llamar,whatsapp,fax,"
            + "text me,contact,contacto,telefon,handy,rufnummer,anrufen,téléphone,portable,appelez,telefone,telemóvel,ligue,cellulare,chiamami,sms"
    )
    static let dni = ContextWords("dni,nif,documento,identidad,identity")
    static let cif = ContextWords("cif,nif,empresa,vat,iva")
    static let nss = ContextWords("nss,naf,seguridad social,afiliación,afiliacion,social security")
    static let passport = ContextWords("passport,pasaporte,passeport,reisepass,passaporto,passaporte")
    static let ssn = ContextWords("ssn,ssns,social security,social,soc sec,ss#")
    static let itin = ContextWords("itin,taxpayer,tin,tax id")
    static let nino = ContextWords("nino,ni number,national insurance,insurance")
    static let nhs = ContextWords("nhs,health service")
    static let nifPT = ContextWords("nif,contribuinte,nipc,fiscal")
    static let cpf = ContextWords("cpf,cadastro")
    static let cnpj = ContextWords("cnpj,cadastro")
    static let aadhaar = ContextWords("aadhaar,aadhar,adhaar,uidai,uid")
    static let pan = ContextWords("pan,permanent account,income tax")
    static let steuerID = ContextWords("steuer,steuerid,steuer-id,idnr,tin,identifikationsnummer,steueridentifikationsnummer")
    static let nir = ContextWords("nir,insee,sécurité sociale,securite sociale,sécu")
    static let card = ContextWords("card,tarjeta,visa,mastercard,amex,carte,karte,cartão,credit,debit,crédito,débito,pan")
    static let birth = ContextWords(
        "born,birth,dob,d.o.b,birthday,birthdate,nacimiento,nacido,nacida,nací,naci,fecha de nac,f. nac,geboren,geburtsdatum,geb,né le,née le,"
            + "naissance,nato,nata,nascita,nascido,nascida,nascimento,cumpleaños")
    static let bic = ContextWords("bic,swift,iban")
    static let version = ContextWords("version,versión,versions,ver,release,section,sección,chapter")
    static let network = ContextWords("ip,ipv4,address,addr,host,server,dirección,gateway,client,remote,peer,dns,from")

    /// One of the words ends, as a word, in the ``Limits/contextWindow`` bytes before `start`. Context does not reach across a finding or
    /// what stands in its place, so that a second look at the scrubbed text sees the same.
    func precede(_ start: Int, in text: Text) -> Bool {
        let first = max(text.coveredEnd, start - Limits.contextWindow, 0)
        var index = start
        while index > first, !isReplacement(endingAt: index, text) { index -= 1 }
        while index < start {
            let byte = text.base[index]
            let before = index > 0 ? text.base[index - 1] : 0
            if byte.isLetter || byte >= 0xC3, startsWord(byte, behind: before),
                byFirstByte[Int(byte.lowercased)].contains(where: { matches(words[$0], at: index, limit: start, in: text) })
            {
                return true
            }
            index += 1
        }
        return false
    }

    /// One of the words, and a space, stand right before `start`, outside of findings.
    func standBefore(_ start: Int, in text: Text) -> Bool {
        words.contains { word in
            let first = start - 1 - word.count
            return first >= text.coveredEnd && text.before(start) == UInt8(ascii: " ") && !text.before(first).isWordByte
                && matches(word, at: first, limit: start, in: text)
        }
    }

    /// A word starts behind what is no letter, and at a capital behind a small letter (`homePhone`).
    private func startsWord(_ byte: UInt8, behind before: UInt8) -> Bool {
        if before >= 0x80 { return false }
        return !before.isLetter || byte &- 0x41 < 26 && before &- 0x61 < 26
    }

    private func matches(_ word: [UInt8], at index: Int, limit: Int, in text: Text) -> Bool {
        guard index + word.count <= limit else { return false }
        var previous: UInt8 = 0
        for (offset, expected) in word.enumerated() {
            let byte = text.base[index + offset]
            var folded = byte.lowercased
            if previous == 0xC3, byte &- 0x80 < 0x1F { folded = byte | 0x20 }
            if expected == UInt8(ascii: " "), byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-") { folded = expected }
            guard folded == expected else { return false }
            previous = byte
        }
        guard index + word.count < limit else { return true }
        let next = text.base[index + word.count]
        // `phoneNumber` and `phone_number` hold the word `phone`, `phonetic` does not.
        return !(next &- 0x61 < 26) && next < 0xC3
    }

    /// A placeholder or a mask ends before `index`: `…L_1>`, `…L>`, `***`.
    private func isReplacement(endingAt index: Int, _ text: Text) -> Bool {
        guard index >= 3 else { return false }
        let last = text.base[index - 1]
        if last == UInt8(ascii: ">") { return text.base[index - 2].isDigit || text.base[index - 2] &- 0x41 < 26 }
        return last == UInt8(ascii: "*") && text.base[index - 2] == last && text.base[index - 3] == last
    }
}

extension Finding {
    /// A match that a context word raises: `weak` without one, `raised` with one.
    static func inContext(
        _ kind: EntityKind, _ range: Range<Int>, weak: Float, raised: Float, words: ContextWords, _ text: Text
    ) -> Finding {
        let isNeighbour =
            text.raisedKind == kind && range.lowerBound >= text.coveredEnd
            && range.lowerBound - text.coveredEnd <= Limits.contextWindow
        let isRaised = isNeighbour || words.precede(range.lowerBound, in: text)
        return Finding(kind: kind, range: range, score: isRaised ? raised : weak, raisedByContext: isRaised)
    }
}
