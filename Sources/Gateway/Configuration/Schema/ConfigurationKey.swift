/// One key of the configuration file: what the loader checks and what `docs/configuration.md` says, in one place.
package struct ConfigurationKey: Sendable {
    /// Where the key stands: `listen.tls.address`. `*` stands for a name that the file's author chooses, `[]` for each entry of a list.
    package let path: String
    package let type: ValueType
    package let absence: Absence
    /// One or more sentences in Markdown.
    package let meaning: String

    init(_ path: String, _ type: ValueType, _ absence: Absence, _ meaning: String) {
        self.path = path
        self.type = type
        self.absence = absence
        self.meaning = meaning
    }

    /// What it means that the key is not there.
    package enum Absence: Sendable, Equatable {
        case required
        /// As if this text stood there.
        case defaultText(String)
        /// The words of the documentation.
        case means(String)
    }

    package enum ValueType: Sendable, Equatable {
        /// Keys below this one.
        case section
        /// A list of sections.
        case sections
        /// Sections under names that the file's author chooses.
        case namedSections
        /// A list of scalar values of one type.
        indirect case list(ValueType)
        /// Letters, digits, `.`, `_` and `-`; at most 64.
        case identifier
        /// Visible ASCII without spaces; at most 128.
        case label
        /// A label, of which a last `*` stands for any rest.
        case pattern
        case integer(ClosedRange<Int>)
        case size(ClosedRange<Int>)
        case duration(ClosedRange<Duration>)
        case flag
        case choice([String])
        /// From 0 to 1, as a decimal number.
        case score
        /// A number with decimals, from 0 on.
        case decimal(ClosedRange<Double>)
        /// Scores under names of kinds.
        case scores
        /// One of ``Configuration/scrubActions``, or `mask:` and a number.
        case scrubAction
        /// Any text without control characters, of at most so many bytes.
        case text(Int)
        case address
        /// The addresses of a network.
        case network
        case url
        /// A file's path, relative to the configuration file's folder.
        case path
        /// The name of an environment variable that holds a secret, or with `_FILE` after it names the file that does.
        case environmentName
        case price
        /// USD, up to 9,000,000.
        case amount
        case timestamp
        case keyHash
    }

    /// The name without what is above it.
    var name: String {
        String(path.split(separator: ".").last ?? "").replacing("[]", with: "")
    }

    /// The path of the section in which the key stands; empty at the top.
    var parent: String {
        path.lastIndex(of: ".").map { String(path[..<$0]) } ?? ""
    }
}

extension ConfigurationKey.ValueType {
    /// The type as documentation and faults name it.
    package var name: String {
        switch self {
        case .section: "section"
        case .sections: "list of sections"
        case .namedSections: "named sections"
        case .list(.pattern): "list of names or patterns"
        case .list(let element): "list of \(element.name)s"
        case .identifier: "identifier"
        case .label: "name"
        case .pattern: "name or pattern"
        case .integer: "integer"
        case .size: "size"
        case .duration: "duration"
        case .flag: "true or false"
        case .choice: "choice"
        case .score: "score"
        case .decimal: "decimal number"
        case .scores: "scores by kind"
        case .scrubAction: "action"
        case .text: "text"
        case .address: "address"
        case .network: "network"
        case .url: "URL"
        case .path: "file"
        case .environmentName: "variable name"
        case .price: "price"
        case .amount: "amount"
        case .timestamp: "instant"
        case .keyHash: "key hash"
        }
    }

    /// Which values of the type are allowed, as documentation and faults say it.
    package var range: String {
        switch self {
        case .section, .flag, .path, .price, .timestamp: ""
        case .amount: "USD; 0 to 9000000, at most 9 decimals"
        case .sections, .namedSections: "1 or more"
        case .list(let element): element.range
        case .identifier: "letters, digits, `.`, `_`, `-`; at most 64"
        case .label: "visible ASCII, no spaces; at most 128"
        case .pattern: "visible ASCII, no spaces; at most 128; `*` only at its end"
        case .integer(let range): "\(range.lowerBound) to \(range.upperBound)"
        case .size(let range): "\(SizeText.text(range.lowerBound)) to \(SizeText.text(range.upperBound))"
        case .duration(let range): "\(DurationText.text(range.lowerBound)) to \(DurationText.text(range.upperBound))"
        case .choice(let choices): choices.map { "`\($0)`" }.joined(separator: ", ")
        case .score, .scores: "0 to 1"
        case .decimal(let range): "\(Int(range.lowerBound)) to \(Int(range.upperBound))"
        case .scrubAction: (Configuration.scrubActions + ["mask:0"]).map { "`\($0)`" }.joined(separator: ", ") + " to `mask:8`"
        case .text(let bytes): "at most \(bytes) bytes"
        case .address: "`IPv4:port`, `[IPv6]:port`, `localhost:port`"
        case .network: "`IPv4/bits`, `IPv6/bits`, or one address"
        case .url: "`http://` or `https://`, without user, query, fragment"
        case .environmentName: "letters, digits, `_`"
        case .keyHash: "`hmac-sha256:` and 64 hexadecimal digits"
        }
    }
}
