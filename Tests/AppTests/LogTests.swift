import Foundation
import Logging
import ProcessSupport
import Testing

@testable import AgentShieldGateway

@Suite("The log", .timeLimit(.minutes(4)))
struct LogTests {
    private static func text(_ message: String, _ fields: [(key: String, value: String)] = []) -> String {
        LineLogHandler.line(.text, label: "l", level: .notice, message: message, fields: fields)
    }

    @Test(
        "whatever is logged stays in its line and in its field",
        arguments: [
            "a\nb", "a\r\nb", "\u{1b}[2Jx", "a b", "a=b", "", "\"", "a\u{2028}b", "a\u{85}b", "a\u{202E}b", "\0", "a\\nb c", "\u{1F6E1} é",
        ])
    func escaping(value: String) throws {
        let fields = [(key: "path", value: value), (key: "status", value: "200")]
        let line = Self.text("administered \(value)", fields)
        #expect(line.hasSuffix(" status=200\n") && line.filter(\.isNewline).count == 1)
        let isFree = line.unicodeScalars.dropLast().allSatisfy { ![.control, .format].contains($0.properties.generalCategory) }
        #expect(isFree, "\(line)")
        // What stands behind `path=` is the value, as it is or as a JSON string.
        let shown = try #require(line.range(of: " path=").map { line[$0.upperBound...] }?.dropLast(" status=200\n".count))
        let told = shown.hasPrefix("\"") ? try JSONDecoder().decode(String.self, from: Data(shown.utf8)) : String(shown)
        #expect(told == value)

        let json = LineLogHandler.line(.json, label: "l", level: .notice, message: "m \(value)", fields: fields)
        #expect(json.filter(\.isNewline).count == 1)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: String])
        #expect(object["path"] == value && object["message"] == "m \(value)" && object["status"] == "200")
    }

    @Test("plain values are written as they are")
    func plain() {
        #expect(
            Self.text("listening", [("http", "127.0.0.1:80"), ("ca_file", "-")]).hasSuffix(
                " notice listening http=127.0.0.1:80 ca_file=-\n"))
    }

    @Test("a reader that stands still holds up nobody; what did not fit is counted, and said when it reads on")
    func stalled() async throws {
        let pipe = Pipe()
        let writer = LogWriter(descriptor: pipe.fileHandleForWriting.fileDescriptor) { "dropped \($0)\n" }
        let count = LogWriter.maxLines + 3_000
        let line = String(repeating: "x", count: 100) + "\n"
        // None of these waits, or this test would.
        for _ in 0..<count { writer.write(line) }
        writer.flush(within: 0.01)
        let reader = pipe.fileHandleForReading
        var read = Data()
        // The last line whole: a pipe may give it in two pieces.
        while !String(decoding: read.suffix(40), as: UTF8.self).contains("dropped ") || read.last != UInt8(ascii: "\n") {
            read += reader.availableData
        }
        let lines = String(decoding: read, as: UTF8.self).split(separator: "\n")
        let dropped = try #require(lines.last?.split(separator: " ").last.flatMap { Int($0) })
        #expect(lines.dropLast().allSatisfy { $0 == line.dropLast() })
        #expect(lines.count - 1 + dropped == count && dropped > 0)
        // It goes on.
        writer.write("again\n")
        #expect(String(decoding: reader.availableData, as: UTF8.self) == "again\n")
        writer.flush()
    }

    @Test("a line that is too long is cut, and the next one begins a line of its own")
    func long() {
        let pipe = Pipe()
        let writer = LogWriter(descriptor: pipe.fileHandleForWriting.fileDescriptor) { "dropped \($0)\n" }
        writer.write(String(repeating: "y", count: 2 * LogWriter.maxLineBytes) + "\n")
        writer.write("next\n")
        var read = Data()
        while read.suffix(5) != Data("next\n".utf8) { read += pipe.fileHandleForReading.availableData }
        #expect(read.count == LogWriter.maxLineBytes + 5)
        #expect(String(decoding: read.suffix(7), as: UTF8.self) == "y\nnext\n")
    }
}
