/// Credentials that are known by a part in their middle, or by several parts.
extension Credential {
    /// What such a credential starts with, up to a dot, and how long all of it is at least.
    private static let starts: [(text: StaticString, least: Int)] = [
        ("snyk_uat.", 40), ("snyk_sat.", 40), ("t1.", 80), ("dt0s16.", 70), ("dt0s08.", 70), ("VF.", 30), ("hawk.", 40), ("1000.", 68),
        ("amzn1.oa2-cs.v1.", 60),
    ]

    /// Several parts with dots between them, the last one of which is the run at `start`: `snyk_uat.…`, `1000.….…`.
    static func matchParts(_ text: inout Text, at start: Int) -> Finding? {
        var first = start
        while start - first < 64, ASCIISet.dotted.contains(text.before(first)) { first -= 1 }
        for (word, least) in starts {
            let count = word.utf8CodeUnitCount
            guard start - first >= count, (0..<count).allSatisfy({ text.base[first + $0] == word.utf8Start[$0] }) else { continue }
            var end = start
            while end - start < 256, ASCIISet.dotted.contains(text.byte(end)) { end += 1 }
            while text.base[end - 1] == UInt8(ascii: ".") { end -= 1 }
            guard end - first >= least, isAbove(.mixed, text, first + count..<end) else { return nil }
            return Finding(kind: .secret, range: first..<end, score: 0.95)
        }
        return nil
    }

    /// What stands at a fixed place of a run of so many letters and digits: the signatures of Azure's keys, and others.
    private static let signatures: [(place: Int, text: StaticString, count: ClosedRange<Int>)] = [
        (52, "JQQJ9", 84...88), (42, "AzSe", 52...52), (44, "AzFu", 56...56), (76, "AZDO", 84...84), (76, "AZEG", 84...84),
        (76, "AAML", 84...84), (76, "AMLK", 84...84), (64, "_PF84_", 106...106), (27, "_", 48...49),
    ]

    /// A run with a signature in its middle. A run that the text's end cuts is part of the token there, which a stream holds.
    @inline(__always)
    static func matchSigned(_ text: inout Text, at start: Int) -> Finding? {
        // Most runs are shorter.
        guard start + 48 <= text.count, text.base[start + 47].isTokenByte else { return nil }
        let run = text.base + start
        let isLong =
            start + 77 <= text.count && (run[52] == UInt8(ascii: "J") || run[64] == UInt8(ascii: "_") || run[76] == UInt8(ascii: "A"))
        guard isLong || run[42] == UInt8(ascii: "A") || run[44] == UInt8(ascii: "A") || run[27] == UInt8(ascii: "_") else { return nil }
        return matchLongSigned(&text, at: start)
    }

    private static func matchLongSigned(_ text: inout Text, at start: Int) -> Finding? {
        for (place, word, count) in signatures where start + place + word.utf8CodeUnitCount <= text.count {
            let first = start + place
            guard text.base[first] == word.utf8Start[0],
                (1..<word.utf8CodeUnitCount).allSatisfy({ text.base[first + $0] == word.utf8Start[$0] })
            else { continue }
            let end = tokenEnd(&text, from: start, limit: count.upperBound + 1)
            guard count.contains(end - start), isAbove(.random, text, start..<end) else { continue }
            // ngrok's start with a 2.
            if place == 27, text.base[start] != UInt8(ascii: "2") || (start..<end).contains(where: { text.base[$0] == UInt8(ascii: "-") }) {
                continue
            }
            return Finding(kind: .secret, range: start..<end, score: 0.9)
        }
        return nil
    }

    /// A server key of Firebase's messages: `AAAA` and seven bytes, a colon, 140 bytes.
    static func matchFirebase(_ text: inout Text, at start: Int) -> Finding? {
        let first = start - 12
        guard first >= text.coveredEnd, (first..<first + 4).allSatisfy({ text.base[$0] == UInt8(ascii: "A") }),
            (first + 4..<start - 1).allSatisfy({ text.base[$0].isTokenByte }), !text.before(first).isTokenByte
        else { return nil }
        let end = tokenEnd(&text, from: start, limit: 181)
        return (120...180).contains(end - start) ? Finding(kind: .secret, range: first..<end, score: 0.95) : nil
    }

    /// `access_token$production$`, 16 letters and digits, `$` and 32 hexadecimal digits.
    static func matchBraintree(_ text: inout Text, at start: Int) -> Finding? {
        for word in ["access_token$production$", "access_token$sandbox$"] as [StaticString] {
            let first = start - 17 - word.utf8CodeUnitCount
            guard first >= text.coveredEnd, (0..<word.utf8CodeUnitCount).allSatisfy({ text.base[first + $0] == word.utf8Start[$0] }) else {
                continue
            }
            let end = tokenEnd(&text, from: start, limit: 33)
            return end - start == 32 ? Finding(kind: .secret, range: first..<end, score: 0.95) : nil
        }
        return nil
    }
}
