/// Values and e-mail domains that a policy lets through. Case of ASCII letters makes no difference.
final class AllowList: Sendable {
    /// How many values and domains there may be together, and how long one may be in bytes.
    static let mostEntries = 4096
    static let longestEntry = 256

    private let values: Set<[UInt8]>
    private let domains: Set<[UInt8]>
    /// Domains whose subdomains are allowed; they themselves are not.
    private let parents: Set<[UInt8]>
    private let longestValue: Int

    /// - Parameter domains: `example.com`, or `*.example.com` for its subdomains.
    init(values: [String], domains: [String]) {
        self.values = Set(values.map { Self.folded($0.utf8) })
        self.domains = Set(domains.filter { !$0.hasPrefix("*.") }.map { Self.folded($0.utf8) })
        parents = Set(domains.filter { $0.hasPrefix("*.") }.map { Self.folded($0.utf8.dropFirst(2)) })
        longestValue = self.values.map(\.count).max() ?? 0
    }

    func allows(_ value: Slice<UnsafeBufferPointer<UInt8>>, kind: EntityKind) -> Bool {
        if value.count <= longestValue, values.contains(Self.folded(value)) { return true }
        guard kind == .email, !domains.isEmpty || !parents.isEmpty, let at = value.lastIndex(of: UInt8(ascii: "@")) else { return false }
        var domain = Self.folded(value[(at + 1)...])[...]
        if domains.contains(Array(domain)) { return true }
        guard !parents.isEmpty else { return false }
        while let dot = domain.firstIndex(of: UInt8(ascii: ".")) {
            domain = domain[(dot + 1)...]
            if parents.contains(Array(domain)) { return true }
        }
        return false
    }

    private static func folded(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        bytes.map(\.lowercased)
    }

    /// A domain's form: labels with dots between, perhaps `*.` in front; international ones as they are written.
    static func isDomain(_ text: String) -> Bool {
        let labels = (text.hasPrefix("*.") ? text.dropFirst(2) : text[...]).utf8.split(
            separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return labels.count >= 2
            && labels.allSatisfy { !$0.isEmpty && $0.allSatisfy { $0.isAlphanumeric || $0 == UInt8(ascii: "-") || $0 >= 0x80 } }
    }
}
