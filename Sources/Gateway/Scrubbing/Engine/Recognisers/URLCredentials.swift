/// `user:password` in front of the `@` of a URL.
enum URLCredentials {
    static func match(_ text: inout Text, at position: Int) -> Finding? {
        var index = position
        var colon: Int?
        while index > 0, position - index < Limits.userInfo {
            let byte = text.base[index - 1]
            if byte == UInt8(ascii: "/") { break }
            guard byte > 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "<"), byte != UInt8(ascii: ">"), byte != UInt8(ascii: "@")
            else { return nil }
            if byte == UInt8(ascii: ":") { colon = index - 1 }
            index -= 1
        }
        if index > 0, text.base[index - 1] == UInt8(ascii: "/"), let finding = matchOracle(text, slash: index - 1, at: position) {
            return finding
        }
        guard let colon, index >= 4, text.base[index - 1] == UInt8(ascii: "/"), text.base[index - 2] == UInt8(ascii: "/"),
            text.base[index - 3] == UInt8(ascii: ":"), text.base[index - 4].isAlphanumeric, colon + 1 < position
        else { return nil }
        let position = lastSign(&text, from: position)
        let host = text.byte(position + 1)
        guard host.isAlphanumeric || host == UInt8(ascii: "[") || host >= 0x80 || host == UInt8(ascii: "_") else { return nil }
        // `${USER}:${PASSWORD}` and `user:***` hold nothing.
        let first = text.base[colon + 1]
        guard first != UInt8(ascii: "$"), first != UInt8(ascii: "{"), first != UInt8(ascii: "*") else { return nil }
        return Finding(kind: .urlCredentials, range: index..<position, score: 0.95)
    }

    /// The last `@` before the host ends: a password may have some, though it should not.
    private static func lastSign(_ text: inout Text, from position: Int) -> Int {
        var last = position
        var index = position + 1
        while index - position < Limits.userInfo {
            let byte = text.byte(index)
            if byte == UInt8(ascii: "@") { last = index }
            guard byte.isTokenByte || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "@") || byte == UInt8(ascii: "!") else { break }
            index += 1
        }
        return last
    }

    /// `jdbc:oracle:thin:scott/tiger@host`.
    private static func matchOracle(_ text: Text, slash: Int, at position: Int) -> Finding? {
        var user = slash
        while slash - user < 32, text.before(user).isWordByte || text.before(user) == UInt8(ascii: "$") { user -= 1 }
        guard user < slash, position - slash > 1 else { return nil }
        for driver in [":thin:", ":oci:", ":oci8:"] as [StaticString] {
            let first = user - driver.utf8CodeUnitCount
            guard first >= text.coveredEnd, (0..<driver.utf8CodeUnitCount).allSatisfy({ text.base[first + $0] == driver.utf8Start[$0] })
            else { continue }
            return Finding(kind: .urlCredentials, range: user..<position, score: 0.95)
        }
        return nil
    }
}
