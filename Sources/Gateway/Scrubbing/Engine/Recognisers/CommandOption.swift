/// Passwords among the arguments of commands: `curl -u ana:…`, `docker login -p …`, `mysql -p…`.
enum CommandOption {
    /// What an option's value is.
    private enum Value {
        case userAndPassword, password
        /// `ana%…`
        case userPercentPassword
        /// The third argument from the option on.
        case thirdArgument
        /// Right behind the option only: what stands apart is something else.
        case attachedPassword
    }

    private struct Command {
        let option: UInt8
        let value: Value
        let names: [StaticString]
    }

    private static let commands = [
        Command(option: UInt8(ascii: "u"), value: .userAndPassword, names: ["curl"]),
        Command(option: UInt8(ascii: "a"), value: .userAndPassword, names: ["http", "https", "xh"]),
        Command(option: UInt8(ascii: "p"), value: .attachedPassword, names: ["mysql", "mysqldump", "mysqladmin", "mariadb", "7z"]),
        Command(
            option: UInt8(ascii: "p"), value: .password,
            names: ["login", "sshpass", "mongo", "mongosh", "mongodump", "mongorestore", "mongoexport", "mongoimport", "psexec", "PSEXEC"]),
        Command(option: UInt8(ascii: "P"), value: .password, names: ["sqlcmd", "bcp", "unzip", "zip"]),
        Command(option: UInt8(ascii: "a"), value: .password, names: ["redis-cli"]),
        Command(option: UInt8(ascii: "k"), value: .password, names: ["openssl"]),
        Command(option: UInt8(ascii: "b"), value: .thirdArgument, names: ["htpasswd"]),
        Command(option: UInt8(ascii: "U"), value: .userPercentPassword, names: ["smbclient", "rpcclient", "winexe"]),
        Command(option: UInt8(ascii: "w"), value: .password, names: ["ldapsearch", "ldapadd", "ldapmodify", "ldapdelete", "ldapwhoami"]),
    ]

    /// How far to the left, on the same line, the command may stand.
    private static let reach = 160

    /// The value of the option that starts with the `-` at `position`.
    static func match(_ text: inout Text, at position: Int) -> Finding? {
        guard text.before(position) == UInt8(ascii: " ") else { return nil }
        let option = text.byte(position + 1)
        if option == UInt8(ascii: "-") {
            guard let end = longOptionEnd(&text, at: position + 2), stands(["curl"], text, before: position) else { return nil }
            return userAndPassword(&text, from: end)
        }
        for command in commands where command.option == option {
            guard stands(command.names, text, before: position) else { continue }
            switch command.value {
            case .userAndPassword: return userAndPassword(&text, from: position + 2)
            case .password: return password(&text, from: position + 2)
            case .userPercentPassword: return userPercentPassword(&text, from: position + 2)
            case .thirdArgument: return argument(&text, behind: 2, from: position + 2)
            case .attachedPassword: return text.byte(position + 2) == UInt8(ascii: " ") ? nil : password(&text, from: position + 2)
            }
        }
        return nil
    }

    /// The end of `user` or `proxy-user` at `start`.
    private static func longOptionEnd(_ text: inout Text, at start: Int) -> Int? {
        for name in ["user", "proxy-user"] as [StaticString] {
            var count = 0
            while count < name.utf8CodeUnitCount, text.byte(start + count) == name.utf8Start[count] { count += 1 }
            if count == name.utf8CodeUnitCount { return start + count }
        }
        return nil
    }

    /// One of the names is a word before `position`: a command's, whose arguments go on to there.
    private static func stands(_ names: [StaticString], _ text: Text, before position: Int) -> Bool {
        var end = position
        while end > 0, position - end < reach {
            let byte = text.base[end - 1]
            if byte == UInt8(ascii: ";") || byte == UInt8(ascii: "|") { return false }
            if byte == UInt8(ascii: "\n"), end < 2 || text.base[end - 2] != UInt8(ascii: "\\") { return false }
            let isEnd = end == position || text.base[end] == UInt8(ascii: " ") || text.base[end] == UInt8(ascii: ".")
            if isEnd, names.contains(where: { ends($0, text, at: end) }) { return true }
            end -= 1
        }
        return false
    }

    private static func ends(_ name: StaticString, _ text: Text, at end: Int) -> Bool {
        let start = end - name.utf8CodeUnitCount
        guard start >= 0, start == 0 || !text.base[start - 1].isTokenByte else { return false }
        return (start..<end).allSatisfy { text.base[$0] == name.utf8Start[$0 - start] }
    }

    private static func password(_ text: inout Text, from start: Int) -> Finding? {
        let value = Assignment.Value(&text, from: start)
        guard text.byte(value.range.lowerBound) != UInt8(ascii: "-"), value.isPlain(text), !value.isName(text) else { return nil }
        return Finding(kind: .password, range: value.range, score: 0.7, raisedByContext: true)
    }

    /// What stands behind the `%` of `ana%secret`.
    private static func userPercentPassword(_ text: inout Text, from start: Int) -> Finding? {
        var index = start
        if text.byte(index) == UInt8(ascii: " ") { index += 1 }
        while index - start < 64, text.byte(index).isTokenByte || isUserSign(text.byte(index)) { index += 1 }
        return text.byte(index) == UInt8(ascii: "%") ? nearPassword(&text, from: index + 1, option: start - 2) : nil
    }

    /// The argument behind so many others, which are short.
    private static func argument(_ text: inout Text, behind count: Int, from start: Int) -> Finding? {
        var index = start
        while text.byte(index).isLetter, index - start < 8 { index += 1 }
        for _ in 0..<count {
            guard text.byte(index) == UInt8(ascii: " ") else { return nil }
            index += 1
            let first = index
            while index - first < Limits.triggerLead, text.byte(index) > 0x20 { index += 1 }
        }
        return text.byte(index) == UInt8(ascii: " ") ? nearPassword(&text, from: index + 1, option: start - 2) : nil
    }

    /// A password that a stream finds whenever it looks at its option again.
    private static func nearPassword(_ text: inout Text, from start: Int, option: Int) -> Finding? {
        guard let finding = password(&text, from: start), finding.range.lowerBound - option <= Limits.triggerLead else { return nil }
        return finding
    }

    /// `ana:secret`, in quotes or not: the finding is all of it.
    private static func userAndPassword(_ text: inout Text, from start: Int) -> Finding? {
        var first = start
        if text.byte(first) == UInt8(ascii: " ") || text.byte(first) == UInt8(ascii: "=") { first += 1 }
        if text.byte(first) == UInt8(ascii: "\"") || text.byte(first) == UInt8(ascii: "'") { first += 1 }
        var colon = first
        while colon - first < 64, text.byte(colon).isTokenByte || isUserSign(text.byte(colon)) { colon += 1 }
        guard colon > first, text.byte(colon) == UInt8(ascii: ":"), text.byte(colon + 1) > 0x20 else { return nil }
        let value = Assignment.Value(&text, from: colon + 1)
        guard value.isPlain(text), !value.isName(text) else { return nil }
        return Finding(kind: .urlCredentials, range: first..<value.end, score: 0.8, raisedByContext: true)
    }

    private static func isUserSign(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ".") || byte == UInt8(ascii: "@") || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "\\")
    }
}
