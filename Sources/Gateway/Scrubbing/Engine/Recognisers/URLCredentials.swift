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
        guard let colon, index >= 4, text.base[index - 1] == UInt8(ascii: "/"), text.base[index - 2] == UInt8(ascii: "/"),
            text.base[index - 3] == UInt8(ascii: ":"), text.base[index - 4].isAlphanumeric, colon + 1 < position
        else { return nil }
        let host = text.byte(position + 1)
        guard host.isAlphanumeric || host == UInt8(ascii: "[") || host >= 0x80 || host == UInt8(ascii: "_") else { return nil }
        // `${USER}:${PASSWORD}` and `user:***` hold nothing.
        let first = text.base[colon + 1]
        guard first != UInt8(ascii: "$"), first != UInt8(ascii: "{"), first != UInt8(ascii: "*") else { return nil }
        return Finding(kind: .urlCredentials, range: index..<position, score: 0.95)
    }
}
