import GatewayJSON
import NIOCore

/// Why a file of prices is not taken.
package struct PriceFileFault: Error, Sendable, Equatable, CustomStringConvertible {
    /// From 1.
    package var line: Int
    package var problem: String

    package init(line: Int, _ problem: String) {
        self.line = line
        self.problem = problem
    }

    package var description: String { "line \(line) \(problem)" }
}

/// A file of prices: CSV with a header, or a JSON array of objects with the same names.
package enum PriceFile {
    package static let maxBytes = 4 << 20

    /// An entry and where it stands.
    package struct Line: Sendable, Equatable {
        package var number: Int
        package var entry: PriceEntry
    }

    private static let required = ["provider", "model", "effective_from", "input", "output"]
    /// Where they are missing, cached tokens cost as much as input.
    private static let optional = ["cache_read", "cache_write"]

    package static func parse(_ bytes: [UInt8]) throws(PriceFileFault) -> [Line] {
        guard bytes.count <= maxBytes else { throw PriceFileFault(line: 1, "is of a file larger than \(maxBytes) bytes") }
        let first = bytes.first { !" \t\r\n".utf8.contains($0) }
        let lines = first == UInt8(ascii: "[") ? try json(bytes) : try csv(bytes)
        guard lines.count <= PriceLimits.maxEntries else {
            throw PriceFileFault(
                line: lines[PriceLimits.maxEntries].number, "is one entry too many: there may be \(PriceLimits.maxEntries)")
        }
        var seen: [PriceEntry.Key: Int] = [:]
        for line in lines {
            if let earlier = seen.updateValue(line.number, forKey: line.entry.key) {
                throw PriceFileFault(line: line.number, "overlaps line \(earlier): the same provider, model and day")
            }
        }
        return lines
    }

    // MARK: CSV

    private static func csv(_ bytes: [UInt8]) throws(PriceFileFault) -> [Line] {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw PriceFileFault(line: 1, "is of a file that is not UTF-8") }
        var names: [String]?
        var lines: [Line] = []
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            guard line.contains(where: { !$0.isWhitespace }) else { continue }
            let cells = line.split(separator: ",", omittingEmptySubsequences: false).map { $0.trimmed }
            guard let known = names else {
                names = try header(cells, line: index + 1)
                continue
            }
            guard cells.count == known.count else {
                throw PriceFileFault(line: index + 1, "has \(cells.count) fields, the header has \(known.count)")
            }
            let fields = zip(known, cells).filter { !$0.1.isEmpty }
            lines.append(Line(number: index + 1, entry: try entry(Dictionary(fields) { $1 }, line: index + 1)))
        }
        guard names != nil else { throw PriceFileFault(line: 1, "is missing: the file is empty") }
        return lines
    }

    private static func header(_ cells: [String], line: Int) throws(PriceFileFault) -> [String] {
        for (index, cell) in cells.enumerated() {
            try check(cell, line: line)
            if cells[..<index].contains(cell) { throw PriceFileFault(line: line, "names the field `\(cell)` twice") }
        }
        for name in required where !cells.contains(name) { throw PriceFileFault(line: line, "lacks the field `\(name)`") }
        return cells
    }

    private static func check(_ name: String, line: Int) throws(PriceFileFault) {
        guard !(required + optional).contains(name) else { return }
        let known = (required + optional).map { "`\($0)`" }.joined(separator: ", ")
        throw PriceFileFault(line: line, "has the unknown field `\(name)`: there are \(known)")
    }

    // MARK: JSON

    private static func json(_ bytes: [UInt8]) throws(PriceFileFault) -> [Line] {
        func line(at offset: Int) -> Int { 1 + bytes[..<min(offset, bytes.count)].count { $0 == UInt8(ascii: "\n") } }
        var index = JSONIndex()
        let document = ByteBuffer(bytes: bytes)
        do throws(JSONFault) {
            try index.scan(document, limits: JSONLimits(maxDepth: 4, maxNodes: 20 * PriceLimits.maxEntries))
        } catch {
            throw PriceFileFault(line: line(at: error.offset), "is not valid JSON: \(error.message)")
        }
        return try index.read(document) { root throws(PriceFileFault) in
            var lines: [Line] = []
            for element in root.elements {
                let number = line(at: element.range.lowerBound)
                guard element.isObject else { throw PriceFileFault(line: number, "has something else than an object") }
                var fields: [String: String] = [:]
                for member in element.members {
                    let name = member.key.string ?? ""
                    try check(name, line: line(at: member.key.range.lowerBound))
                    let text = member.value.string ?? (member.value.isNumber ? String(decoding: member.value.rawBytes, as: UTF8.self) : nil)
                    guard let text else {
                        throw PriceFileFault(
                            line: line(at: member.key.range.lowerBound), "has a value of `\(name)` that is no text or number")
                    }
                    if fields.updateValue(text, forKey: name) != nil {
                        throw PriceFileFault(line: line(at: member.key.range.lowerBound), "has the field `\(name)` twice")
                    }
                }
                lines.append(Line(number: number, entry: try entry(fields, line: number)))
            }
            return lines
        }
    }

    // MARK: an entry

    private static func entry(_ fields: [String: String], line: Int) throws(PriceFileFault) -> PriceEntry {
        for name in required where fields[name] == nil { throw PriceFileFault(line: line, "lacks the field `\(name)`") }
        let provider = fields["provider"] ?? ""
        guard provider.isVisible(atMost: 64) else {
            throw PriceFileFault(line: line, "has a provider that is none: 1 to 64 visible characters")
        }
        let model = fields["model"] ?? ""
        guard model.isVisible(atMost: 128), !model.dropLast().contains("*") else {
            throw PriceFileFault(line: line, "has a model that is none: 1 to 128 visible characters, `*` only at the end")
        }
        guard let day = UTCDay(fields["effective_from"] ?? "") else {
            throw PriceFileFault(line: line, "has an `effective_from` that is no day: write 2026-11-30")
        }
        let input = try price("input", fields, line: line) ?? 0
        return PriceEntry(
            provider: provider, model: model, from: day,
            price: Price(
                input: input, cacheRead: try price("cache_read", fields, line: line) ?? input,
                cacheWrite: try price("cache_write", fields, line: line) ?? input, output: try price("output", fields, line: line) ?? 0))
    }

    private static func price(_ name: String, _ fields: [String: String], line: Int) throws(PriceFileFault) -> UInt64? {
        guard let text = fields[name] else { return nil }
        if text.hasPrefix("-") { throw PriceFileFault(line: line, "has a negative `\(name)`") }
        guard let price = Price.nanoUSD(text) else {
            throw PriceFileFault(
                line: line, "has a `\(name)` that is no price: write USD per million tokens, with at most 9 decimals: 0.15")
        }
        return price
    }
}

extension Substring {
    fileprivate var trimmed: String {
        let start = drop { $0.isWhitespace }
        return String(start.reversed().drop { $0.isWhitespace }.reversed())
    }
}

extension String {
    fileprivate func isVisible(atMost count: Int) -> Bool {
        (1...count).contains(utf8.count) && utf8.allSatisfy { (0x21...0x7E).contains($0) }
    }
}
