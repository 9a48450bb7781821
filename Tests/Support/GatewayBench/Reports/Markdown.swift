import Foundation

/// Tables of Markdown, figures in them.
enum Markdown {
    /// - Parameter columns: a name that begins with `>` is one of figures, set to the right.
    static func table(_ columns: [String], _ rows: [[String]]) -> String {
        let names = columns.map { $0.hasPrefix(">") ? String($0.dropFirst()) : $0 }
        let lines = [
            "| \(names.joined(separator: " | ")) |", "|\(columns.map { $0.hasPrefix(">") ? "--:" : "---" }.joined(separator: "|"))|",
        ]
        return (lines + rows.map { "| \($0.joined(separator: " | ")) |" }).joined(separator: "\n") + "\n"
    }

    static func number(_ value: Double?, _ digits: Int = 0) -> String {
        guard let value else { return "" }
        let text = String(format: "%.\(digits)f", abs(value))
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        var whole = ""
        for (index, digit) in parts[0].reversed().enumerated() {
            if index > 0, index % 3 == 0 { whole.append(",") }
            whole.append(digit)
        }
        let sign = value < 0 && text.contains { $0 != "0" && $0 != "." } ? "-" : ""
        return sign + String(whole.reversed()) + (parts.count > 1 ? ".\(parts[1])" : "")
    }

    static func mebibytes(_ kibibytes: Int?) -> String { kibibytes.map { number(Double($0) / 1_024, 1) } ?? "" }
}
