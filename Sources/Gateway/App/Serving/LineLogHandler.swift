import Foundation
import Logging

/// Makes log lines, for standard error: as JSON for machines, or as text for people. Whatever is logged stays in its line and in its field.
struct LineLogHandler: LogHandler {
    enum Format: Sendable {
        case json
        case text
    }

    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    private let label: String
    private let format: Format
    private let writer: LogWriter

    init(label: String, level: Logger.Level, format: Format, writer: LogWriter) {
        self.label = label
        self.format = format
        self.writer = writer
        logLevel = level
    }

    /// The way to standard error; one for the process.
    static func makeWriter(_ format: Format) -> LogWriter {
        LogWriter { count in
            line(
                format, label: "agentshield", level: .error, message: "log lines were dropped: nobody read them in time",
                fields: [("count", "\(count)")])
        }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let fields = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)") }
        writer.write(Self.line(format, label: label, level: event.level, message: "\(event.message)", fields: fields))
    }

    /// - Returns: one line, with its line feed.
    static func line(_ format: Format, label: String, level: Logger.Level, message: String, fields: [(key: String, value: String)])
        -> String
    {
        let time = Date().ISO8601Format(.iso8601WithTimeZone(includingFractionalSeconds: true))
        var line: String
        switch format {
        case .text:
            let message = message.unicodeScalars.contains { isUnprintable($0) } ? quoted(message) : message
            line = "\(time) \(level.rawValue) \(message)"
            for (key, value) in fields { line += " \(key)=\(isPlain(value) ? value : quoted(value))" }
        case .json:
            line = "{\"time\":\"\(time)\",\"level\":\"\(level.rawValue)\",\"logger\":\(quoted(label)),\"message\":\(quoted(message))"
            for (key, value) in fields { line += ",\(quoted(key)):\(quoted(value))" }
            line += "}"
        }
        return line + "\n"
    }

    /// Whether it can only be read as one value.
    private static func isPlain(_ text: String) -> Bool {
        !text.isEmpty && !text.unicodeScalars.contains { isUnprintable($0) || $0.properties.isWhitespace || $0 == "\"" || $0 == "=" }
    }

    /// What would break a line in two, or steer the terminal that shows it.
    private static func isUnprintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }

    /// A JSON string.
    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case _ where isUnprintable(scalar):
                for unit in String(scalar).utf16 { quoted += "\\u" + String(0x10000 + UInt32(unit), radix: 16).dropFirst() }
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
