/// The names that credentials are assigned to: `password`, `api_key`, `clientSecret`, `contraseña`.
enum CredentialName {
    /// How much a value must look like a secret to be taken for one.
    enum Strength {
        /// A password: short values count.
        case password
        /// A key or token: long values of high entropy.
        case key
        /// `key` alone, which names many things: longer values of higher entropy.
        case anyKey
        /// A session, whose identifiers are of many sorts: values as of ``anyKey``, wherever they stand.
        case session
        /// An HTTP header: the value stands behind a scheme.
        case authorization
    }

    /// Where the name starts, and how strong it is.
    struct Match {
        let start: Int
        let strength: Strength
    }

    /// What a name is, and where it may stand.
    private enum Family {
        /// Passwords and keys whose names need no boundary in front: `dbpassword`, `authtoken`.
        case wholePassword, wholeKey
        case password, key, header
        case session
    }

    private struct Name {
        let word: ListedWord
        let family: Family
    }

    /// By last byte; of two names that end alike, the first one counts.
    private static let names: ByteTable<Name> = {
        let lists: [(Family, StaticString)] = [
            (
                .wholePassword,
                "password,passwords,passwd,passphrase,passwort,kennwort,contraseña,contraseñas,contrasena,mot de passe,senha,pwd,psswd,userpass,dbpass,requirepass,storepass,keypass,masterauth"
            ),
            (.header, "authorization"),
            (
                .wholeKey,
                "secret,secrets,gitlab session,token,tokens,credential,credentials,apikey,sharedaccesskey,accesskey,secretkey,privatekey,authkey,accountkey,encryptionkey,signingkey,servicekey,appkey,consumerkey,masterkey,clientkey,sharedkey,accesskeyid,signature key,api key,access key,secret key"
            ),
            (.password, "pass,psw,pw,clave,passcode"),
            (.session, "session,sessionid,sid,sessid"),
            (.key, "auth,creds,cred,cookie,key,keys,sig,pat,clave de api,clave secreta"),
        ]
        return ByteTable(lists.flatMap { list in ListedWord.all(list.1).map { Name(word: $0, family: list.0) } }) { $0.word.last }
    }()

    /// What stands before `key` in names of no credential, by last byte.
    private static let openKeys = ByteTable(
        ListedWord.all(
            "public,primary,foreign,cache,sort,partition,index,unique,natural,composite,host,pub,map,object,row,hot,short,registry,group,lookup,translation,idempotency,bucket,hash,range,routing,message,dict,json,column,order,color,license plate,candidate,super,surrogate,access kind,project,uniq,row id"
        )
    ) { $0.last }

    /// The name that ends before `position`, without quotes, brackets and the first half of an operator. A word behind it
    /// (`password_hash`, `secretValue`) and digits (`password2`) are part of the name.
    static func match(_ text: Text, before position: Int) -> Match? {
        var end = position
        while end > 0, position - end < 24, isDecoration(text.base[end - 1]) { end -= 1 }
        var stem = end
        while stem > 0, end - stem < 4, text.base[stem - 1].isDigit || text.base[stem - 1] == UInt8(ascii: "_") { stem -= 1 }
        if let match = stemMatch(text, end: stem) { return match }
        let last = stem
        while stem > 0, last - stem < 12 {
            let byte = text.base[stem - 1]
            if byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") {
                return stemMatch(text, end: stem - 1, behind: stem..<last)
            }
            guard byte.isLetter else { return nil }
            stem -= 1
            if byte &- 0x41 < 26, stem > 0, text.base[stem - 1] &- 0x61 < 26 {
                return stemMatch(text, end: stem, behind: stem..<last)
            }
        }
        return nil
    }

    /// Words behind a credential's name that leave it one: `password_hash`, `secretValue`, `access_key_id`. By last byte.
    private static let endings = ByteTable(
        ListedWord.all(
            "hash,value,string,str,text,base64,b64,enc,encoded,encrypted,plain,plaintext,raw,id,prod,production,dev,development,test,testing,staging,stage,live,sandbox,new,old,current,default,secondary,main,backup,admin,root,user,db,key,data,env,var,arg,param,confirmation,confirm,again,header,hex,pw,one,two,local,qa,uat,internal,external"
        )
    ) { $0.last }

    /// The name that stands beside a `value` that ends before `position`: `name="password" value=`, `{"name":"DB_PASSWORD","value":`,
    /// `- name: DB_PASSWORD`, `value:` on the next line, `"password":{"value":`; `variable "db_password" {`, `default =`.
    ///
    /// `inElement`: `<key>password</key><string>`.
    static func matchBesideValue(_ text: Text, before position: Int, inElement: Bool) -> Match? {
        var end = position
        while end > 0, position - end < 3, isDecoration(text.base[end - 1]) { end -= 1 }
        guard let start = valueStart(text, end, inElement ? ["value", "string"] : ["value", "default"]) else { return nil }
        var index = inElement ? elementEnd(text, before: start) ?? 0 : start
        while index > 0, !inElement, start - index < longestGap, isGap(text.base[index - 1]) { index -= 1 }
        guard index < start, let match = match(text, before: index) else { return nil }
        return match.strength == .anyKey || match.strength == .session ? nil : match
    }

    private static func valueStart(_ text: Text, _ end: Int, _ words: [StaticString]) -> Int? {
        for word in words {
            let start = end - word.utf8CodeUnitCount
            guard start > 0, (0..<word.utf8CodeUnitCount).allSatisfy({ text.base[start + $0].lowercased == word.utf8Start[$0] }) else {
                continue
            }
            return start
        }
        return nil
    }

    /// Where the element before the one whose name starts at `start` has its end: `</key>`, `</name>` or `</string>`.
    private static func elementEnd(_ text: Text, before start: Int) -> Int? {
        guard text.before(start) == UInt8(ascii: "<") else { return nil }
        var index = start - 1
        while index > 0, start - index < longestGap, text.base[index - 1].isSpace { index -= 1 }
        for tag in ["</key>", "</name>", "</string>"] as [StaticString] {
            let first = index - tag.utf8CodeUnitCount
            guard first > 0, (0..<tag.utf8CodeUnitCount).allSatisfy({ text.base[first + $0] == tag.utf8Start[$0] }) else { continue }
            return first
        }
        return nil
    }

    /// White space and signs between a name and the `value` beside it.
    private static let longestGap = 24

    private static func isGap(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: ","), UInt8(ascii: "{"), UInt8(ascii: ":"), UInt8(ascii: "\\"): return true
        default: return byte.isSpace
        }
    }

    private static func isEnding(_ text: Text, _ range: Range<Int>) -> Bool {
        guard !range.isEmpty else { return false }
        return endings[text.base[range.upperBound - 1].lowercased].contains { word in
            word.count == range.count && range.allSatisfy { text.base[$0].lowercased == word[$0 - range.lowerBound] }
        }
    }

    /// The name that ends at `end`; another word than the usual ones behind it, and only a value that speaks for itself counts.
    private static func stemMatch(_ text: Text, end: Int, behind word: Range<Int>) -> Match? {
        guard let match = stemMatch(text, end: end) else { return nil }
        return isEnding(text, word) || match.strength == .session ? match : Match(start: match.start, strength: .anyKey)
    }

    private static func stemMatch(_ text: Text, end: Int) -> Match? {
        guard end > 0 else { return nil }
        let beforeLast = end > 1 ? text.base[end - 2] : 0
        for name in names[text.base[end - 1].lowercased] {
            // Most names of a letter end here.
            if beforeLast.lowercased != name.word[name.word.count - 2], !isJoint(beforeLast), beforeLast < 0x80 { continue }
            guard let start = start(of: name.word, text, end) else { continue }
            switch name.family {
            case .wholePassword: return Match(start: start, strength: .password)
            case .header: return Match(start: start, strength: .authorization)
            case .wholeKey: return Match(start: start, strength: .key)
            case .password:
                if isBoundary(text, start), !isVerdict(text, start..<end) { return Match(start: start, strength: .password) }
            case .session: if isBoundary(text, start) || name.word.count > 3 { return Match(start: start, strength: .session) }
            case .key:
                if isBoundary(text, start) { return keyMatch(text, name.word, start) }
                if name.word.count == 3, name.word[0] == UInt8(ascii: "k") { return gluedKeyMatch(text, start) }
            }
        }
        return nil
    }

    /// `algoliakey`, and not `hotkey`.
    private static func gluedKeyMatch(_ text: Text, _ start: Int) -> Match? {
        for open in openKeys[text.base[start - 1].lowercased] where Self.start(of: open, text, start) != nil { return nil }
        return Match(start: start, strength: .anyKey)
    }

    private static func keyMatch(_ text: Text, _ name: ListedWord, _ start: Int) -> Match? {
        let before = text.before(start)
        if name.count == 3, name[0] == UInt8(ascii: "s") {
            // The signature in the query of a URL.
            return before == UInt8(ascii: "?") || before == UInt8(ascii: "&") ? Match(start: start, strength: .key) : nil
        }
        guard name[0] == UInt8(ascii: "k") else { return Match(start: start, strength: name.count == 3 ? .anyKey : .key) }
        var word = start
        if before == UInt8(ascii: "_") || before == UInt8(ascii: "-") { word -= 1 }
        guard before.isLetter || word < start else { return Match(start: start, strength: .anyKey) }
        guard word > 0 else { return Match(start: start, strength: .key) }
        for open in openKeys[text.base[word - 1].lowercased] where Self.start(of: open, text, word) != nil { return nil }
        return Match(start: start, strength: .key)
    }

    private static func isDecoration(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: " "), UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "\\"), UInt8(ascii: "`"), UInt8(ascii: "?"),
            UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "."), UInt8(ascii: "+"), UInt8(ascii: "|"), UInt8(ascii: "!"):
            return true
        default: return false
        }
    }

    /// Where `name` starts if it ends at `end`; in the text it may have one `_`, `-` or space between any two letters.
    private static func start(of name: ListedWord, _ text: Text, _ end: Int) -> Int? {
        var index = end
        var previous: UInt8 = 0
        for place in stride(from: name.count - 1, through: 0, by: -1) {
            let expected = name[place]
            if index > 0, index < end, name.count >= 6, expected != UInt8(ascii: " "), previous != UInt8(ascii: " "),
                isJoint(text.base[index - 1])
            {
                index -= 1
            }
            guard index > 0 else { return nil }
            let byte = text.base[index - 1]
            guard byte.lowercased == expected || expected == UInt8(ascii: " ") && isJoint(byte) || isCapital(byte, of: expected) else {
                return nil
            }
            previous = expected
            index -= 1
        }
        return index
    }

    private static func isJoint(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: " ")
    }

    /// `Ñ` for `ñ`: the second bytes.
    private static func isCapital(_ byte: UInt8, of small: UInt8) -> Bool {
        small >= 0xA0 && byte == small &- 0x20
    }

    /// `PASS` alone, as test logs have it.
    private static func isVerdict(_ text: Text, _ range: Range<Int>) -> Bool {
        let before = text.before(range.lowerBound)
        let isWord = !before.isWordByte && before != UInt8(ascii: "-")
        let isAlone = range.count == 4 && text.base[range.upperBound - 1] == UInt8(ascii: "S") && isWord
        guard isAlone, range.upperBound < text.count else { return isAlone }
        let next = text.base[range.upperBound] == UInt8(ascii: " ") ? range.upperBound + 1 : range.upperBound
        return next >= text.count || text.base[next] != UInt8(ascii: "=")
    }

    static func isBoundary(_ text: Text, _ start: Int) -> Bool {
        let first = text.base[start]
        let before = text.before(start)
        return !before.isLetter || (first != first.lowercased && before == before.lowercased)
    }
}
