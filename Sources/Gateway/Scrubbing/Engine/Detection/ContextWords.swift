/// Lists of words that, to the left of a weak match, make it a finding. Case, and case of accented letters, make no difference.
enum ContextWords: UInt8, CaseIterable {
    case phone, dni, cif, nss, passport, ssn, itin, nino, nhs, nifPT, cpf, cnpj, aadhaar, pan, steuerID, nir, card, birth, bic,
        version, network, user, mac, rfc, curp, codiceFiscale, account

    /// Lower case, separated by commas.
    var list: String {
        switch self {
        case .phone:
            "tel,tél,cel,tlf,tfno,telf,teléfono,telefono,telephone,phone,mobile,cell,call,móvil,movil,celular,fijo,llámame,llamame,"
                + "llama,llamar,whatsapp,fax,text me,contact,contacto,telefon,handy,rufnummer,anrufen,téléphone,portable,appelez,"
                + "telefone,telemóvel,ligue,cellulare,chiamami,sms,my number,mi número,mi numero,mon numéro,meine nummer,"
                + "mio numero,meu número,meu numero,handynummer,telefonnummer,mobilnummer,mobil,fone,zap,mobiltelefon,mobilfunk,"
                + "rückruf,recado,recados,telephone number"
        case .dni: "dni,nif,d.n.i,n.i.f,documento,identidad,identity"
        case .cif: "cif,nif,c.i.f,empresa,vat,iva,sociedad,razón social"
        case .nss: "nss,naf,seguridad social,afiliación,afiliacion,social security,nuss"
        case .passport:
            "passport,pasaporte,passeport,reisepass,passaporto,passaporte,passports,passnummer,passnr,pass-nr,reisepassnummer,reisepassnr,"
                + "passport number,passport no"
        case .ssn: "ssn,ssns,social security,social,soc sec,ss#"
        case .itin: "itin,taxpayer,tin,tax id,individual tax"
        case .nino: "nino,ni number,ni no,national insurance,insurance"
        case .nhs: "nhs,health service,patient,patient id"
        case .nifPT: "nif,contribuinte,nipc,fiscal,finanças,vat,iva"
        case .cpf: "cpf,cadastro"
        case .cnpj: "cnpj,cadastro"
        case .aadhaar: "aadhaar,aadhar,adhaar,uidai,uid"
        case .pan: "pan,permanent account,income tax"
        case .steuerID: "steuer,steuerid,steuer-id,idnr,id-nr,tin,identifikationsnummer,steueridentifikationsnummer,steuernummer,tax id"
        case .nir: "nir,insee,sécurité sociale,securite sociale,sécu"
        case .card: "card,tarjeta,visa,mastercard,amex,carte,karte,cartão,credit,debit,crédito,débito,pan"
        case .birth:
            "born,birth,dob,d.o.b,birthday,birthdate,birth date,nacimiento,nacido,nacida,nací,naci,fecha de nac,f. nac,geboren,"
                + "geburtsdatum,geb,né le,née le,naissance,nato,nata,nascita,nascido,nascida,nascimento,cumpleaños"
        case .bic: "bic,swift,iban"
        case .version: "version,versión,versions,ver,release,section,sección,chapter"
        case .mac: "mac,hardware,ethernet,physical address,bssid,hwaddr,lladdr"
        case .rfc: "rfc,r.f.c,registro federal,contribuyentes"
        case .curp: "curp,clave única"
        case .codiceFiscale: "codice fiscale,c.f,cf,fiscale,tax code"
        case .account: "ccc,c.c.c,cuenta,cuenta corriente,nº de cuenta,domiciliación,account,bank,banco"
        case .user: "user,username,login,usuario,account,email,uid,benutzer,utilisateur,user name,user id"
        case .network: "ip,ipv4,address,addr,host,server,dirección,gateway,client,remote,peer,dns,from"
        }
    }

    /// One of the words ends, as a word, in the ``Limits/contextWindow`` bytes before `start`. Context does not reach across a finding or
    /// what stands in its place, so that a second look at the scrubbed text sees the same.
    func precede(_ start: Int, in text: Text) -> Bool {
        guard let context = text.context else { return false }
        if self == .phone, !context.pointee.mayHavePhoneWord(before: start, in: text) { return false }
        context.pointee.look(before: start, in: text)
        return context.pointee.words(in: self, before: start, notBefore: text.coveredEnd) { _ in true }
    }

    /// One of the words stands before `start`, or a value of the same kind that one of them raised.
    func isContext(of kind: EntityKind, at start: Int, in text: Text) -> Bool {
        let isNeighbour =
            text.raisedKind == kind && start >= text.coveredEnd && start - text.coveredEnd <= Limits.neighbourGap
        return isNeighbour || precede(start, in: text)
    }

    /// One of the words, and a space, stand right before `start`, outside of findings.
    func standBefore(_ start: Int, in text: Text) -> Bool {
        guard let context = text.context, text.before(start) == UInt8(ascii: " ") else { return false }
        context.pointee.look(before: start, in: text)
        return context.pointee.words(in: self, before: start, notBefore: text.coveredEnd) {
            $0.end == start - 1 && !text.before($0.start).isWordByte
        }
    }
}

extension Finding {
    /// A match that a context word raises: `weak` without one, `raised` with one.
    static func inContext(
        _ kind: EntityKind, _ range: Range<Int>, weak: Float, raised: Float, words: ContextWords, _ text: Text
    ) -> Finding {
        let isRaised = words.isContext(of: kind, at: range.lowerBound, in: text)
        return Finding(kind: kind, range: range, score: isRaised ? raised : weak, raisedByContext: isRaised)
    }
}
