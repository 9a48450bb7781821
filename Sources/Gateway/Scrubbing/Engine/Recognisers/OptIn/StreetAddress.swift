/// Street addresses: a Spanish kind of street, its name and a number; an English number, a name and a kind of street. A rule, not a
/// model: addresses without the word for a street are not found.
enum StreetAddress {
    private static let spanish = words(
        "c/,calle,avda.,avda,av.,avenida,plaza,pza.,plza.,paseo,pº,camino,carretera,ctra.,ronda,travesía,rambla,glorieta,callejón,urbanización,"
            + "pasaje,vía,via,alameda,cuesta,cañada,acceso,vial,pasadizo,bulevar,costanilla,c.")
    /// The commonest of the Postal Service's suffixes (Publication 28), and British ones.
    private static let english = words(
        "street,st.,st,avenue,ave.,ave,road,rd.,rd,boulevard,blvd.,blvd,lane,ln.,ln,drive,dr.,court,ct.,square,sq.,highway,hwy,parkway,pkwy,terrace,"
            + "trail,circle,close,crescent,way,place,alley,annex,arcade,bayou,beach,bend,bluff,bridge,brook,burg,bypass,camp,canyon,cape,causeway,center,"
            + "cliff,cliffs,club,common,corner,corners,course,cove,creek,crest,crossing,crossroad,curve,dale,dam,divide,estate,estates,expressway,extension,"
            + "fall,falls,ferry,field,fields,flat,flats,ford,forest,forge,fork,forks,fort,freeway,garden,gardens,gateway,glen,green,grove,harbor,haven,"
            + "heights,hill,hills,hollow,inlet,island,isle,junction,key,keys,knoll,knolls,lake,lakes,landing,light,loaf,lock,lodge,loop,mall,manor,meadow,"
            + "meadows,mews,mill,mills,mission,motorway,mount,mountain,neck,orchard,oval,overpass,park,parkways,pass,passage,path,pike,pine,pines,plain,"
            + "plains,plaza,point,points,port,ports,prairie,radial,ramp,ranch,rapid,rapids,rest,ridge,ridges,river,route,row,run,shoal,shoals,shore,shores,"
            + "skyway,spring,springs,spur,station,stravenue,stream,summit,throughway,trace,track,trafficway,tunnel,turnpike,underpass,union,unions,"
            + "valley,valleys,via,viaduct,view,views,village,villages,ville,vista,walk,walks,wall,well,wells")

    /// The words by their first letter.
    private static func words(_ list: String) -> [[[UInt8]]] {
        var table = [[[UInt8]]](repeating: [], count: 26)
        for word in list.split(separator: ",") {
            let bytes = Array(word.utf8)
            table[Int(bytes[0] - UInt8(ascii: "a"))].append(bytes)
        }
        return table
    }

    /// Short words that a name in small letters may be followed by only in addresses.
    private static let joints: [StaticString] = ["de", "del", "la", "las", "los", "el", "y"]

    static func match(_ text: inout Text, at start: Int) -> Finding? {
        let first = text.byte(start)
        let end = first.isDigit ? englishEnd(&text, at: start) : spanishEnd(&text, at: start)
        guard let end else { return nil }
        return Finding(kind: .address, range: start..<end, score: 0.6)
    }

    /// `C/ Mayor, 12, 3º B`, `Calle de Alcalá 45`, `Avda. de América, nº 7`.
    private static func spanishEnd(_ text: inout Text, at start: Int) -> Int? {
        guard var index = end(ofOne: spanish, &text, at: start) else { return nil }
        if text.byte(index) == UInt8(ascii: " ") { index += 1 }
        var names = 0
        for _ in 0..<7 {
            guard let word = nameEnd(&text, from: index) else { return nil }
            if isCapital(&text, index) { names += 1 } else if !isJoint(text, index..<word) { return nil }
            index = word
            if text.byte(index) == UInt8(ascii: ",") { index += 1 }
            guard text.byte(index) == UInt8(ascii: " ") else { return nil }
            index += 1
            if names > 0, let number = numberEnd(&text, from: index) { return floorEnd(&text, behind: number) }
        }
        return nil
    }

    /// `12`, `nº 12`, `12B`, `s/n`.
    private static func numberEnd(_ text: inout Text, from start: Int) -> Int? {
        let prefixes: [StaticString] = ["nº ", "nº", "núm. ", "n. ", "número "]
        var index = start
        for prefix in prefixes {
            var count = 0
            while count < prefix.utf8CodeUnitCount, text.byte(index + count) == prefix.utf8Start[count] { count += 1 }
            if count == prefix.utf8CodeUnitCount {
                index += count
                break
            }
        }
        let first = index
        while index - first < 5, text.byte(index).isDigit { index += 1 }
        guard index > first, index - first < 5 else { return nil }
        if text.byte(index).isLetter, !text.byte(index + 1).isWordByte { index += 1 }
        return text.byte(index).isWordByte ? nil : index
    }

    /// `, 3º B`, `, 2ª izda`, `, bajo`, and `, 28001 Madrid`.
    private static func floorEnd(_ text: inout Text, behind end: Int) -> Int {
        var index = end
        for _ in 0..<3 {
            guard text.byte(index) == UInt8(ascii: ","), text.byte(index + 1) == UInt8(ascii: " "), text.byte(index + 2).isDigit else {
                break
            }
            var next = index + 2
            while next - index < 8, text.byte(next).isDigit { next += 1 }
            let isPostal = next - index == 7
            if text.byte(next) == 0xC2, text.byte(next + 1) & 0xC0 == 0x80 { next += 2 }
            if text.byte(next) == UInt8(ascii: " "), isPostal ? isCapital(&text, next + 1) : text.byte(next + 1) &- 0x41 < 26 {
                if let word = nameEnd(&text, from: next + 1) { next = word }
            }
            index = next
        }
        return index
    }

    /// `101 Main St.`, `3 elm boulevard`, `1600 Pennsylvania Avenue NW, Washington, DC 20500`.
    private static func englishEnd(_ text: inout Text, at start: Int) -> Int? {
        var index = start
        while index - start < 6, text.byte(index).isDigit { index += 1 }
        guard index - start < 6, text.byte(index) == UInt8(ascii: " "), !text.before(start).isWordByte else { return nil }
        index += 1
        for words in 0..<5 {
            if words > 0, let end = end(ofOne: english, &text, at: index) { return townEnd(&text, behind: end) }
            guard let word = nameEnd(&text, from: index), text.byte(word) == UInt8(ascii: " ") else { return nil }
            index = word + 1
        }
        return nil
    }

    /// `, Apt 4`, `, Springfield`, `, IL 62704`.
    private static func townEnd(_ text: inout Text, behind end: Int) -> Int {
        var index = end
        for _ in 0..<3 {
            guard text.byte(index) == UInt8(ascii: ","), text.byte(index + 1) == UInt8(ascii: " "), isCapital(&text, index + 2),
                var next = nameEnd(&text, from: index + 2)
            else { break }
            if text.byte(next) == UInt8(ascii: " "), text.byte(next + 1).isDigit {
                var digit = next + 1
                while digit - next < 7, text.byte(digit).isDigit { digit += 1 }
                next = digit
            }
            index = next
        }
        return index
    }

    /// The end of a word of letters (accents, hyphens, apostrophes and dots in it too), or of digits with letters (`5th`).
    private static func nameEnd(_ text: inout Text, from start: Int) -> Int? {
        var index = start
        while index - start < 32 {
            let byte = text.byte(index)
            guard
                byte.isAlphanumeric || byte == UInt8(ascii: "'") || byte == UInt8(ascii: "-") || byte >= 0xC3 && byte <= 0xCF
                    || byte & 0xC0 == 0x80 && index > start
            else { break }
            index += 1
        }
        if index - start <= 3, index > start, text.byte(index) == UInt8(ascii: "."), text.byte(index + 1) == UInt8(ascii: " ") {
            index += 1
        }
        return index > start && index - start < 32 ? index : nil
    }

    private static func isCapital(_ text: inout Text, _ index: Int) -> Bool {
        let byte = text.byte(index)
        return byte &- 0x41 < 26 || byte == 0xC3 && text.byte(index + 1) &- 0x80 < 0x1F
    }

    private static func isJoint(_ text: Text, _ range: Range<Int>) -> Bool {
        joints.contains { word in
            word.utf8CodeUnitCount == range.count && range.allSatisfy { text.base[$0].lowercased == word.utf8Start[$0 - range.lowerBound] }
        }
    }

    private static func end(ofOne words: [[[UInt8]]], _ text: inout Text, at start: Int) -> Int? {
        let first = text.byte(start).lowercased
        guard first &- UInt8(ascii: "a") < 26 else { return nil }
        for word in words[Int(first &- UInt8(ascii: "a"))] {
            if let end = wordEnd(word, &text, at: start) { return end }
        }
        return nil
    }

    /// The end of `word` at `start`, in any case, as a whole word.
    private static func wordEnd(_ word: [UInt8], _ text: inout Text, at start: Int) -> Int? {
        var end = start
        for expected in word {
            guard text.byte(end).lowercased == expected else { return nil }
            end += 1
        }
        let next = text.byte(end)
        return word[word.count - 1].isLetter && (next.isWordByte || next >= 0xC3) ? nil : end
    }
}
