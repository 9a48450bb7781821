import Foundation
import NIOCore

/// Columns as wide as their widest cell: the first to the left, the others to the right.
struct TextTable {
    let text: String

    init(_ header: [String], _ rows: [[String]]) {
        let all = [header] + rows
        let widths = header.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        text = all.map { cells in
            let padded = zip(cells, widths).enumerated().map { index, cell in
                let missing = String(repeating: " ", count: cell.1 - cell.0.count)
                return index == 0 ? cell.0 + missing : missing + cell.0
            }
            return padded.joined(separator: "  ") + "\n"
        }.joined()
    }
}

/// Lines of a file or of standard input, read one at a time and never longer than they may be.
enum RecordLines {
    /// - Parameter path: `nil`: standard input.
    static func forEach(of path: String?, most: Int, _ body: (ByteBuffer, _ number: Int) throws -> Void) throws {
        let file: FileHandle
        if let path {
            guard let opened = FileHandle(forReadingAtPath: path) else { throw Refused("the file \(path) cannot be read", status: 66).told }
            file = opened
        } else {
            file = .standardInput
        }
        var (kept, number) = (Data(), 0)
        func take(_ line: Data) throws {
            number += 1
            guard line.count <= most else { throw Refused("line \(number) is longer than \(most) bytes", status: 65).told }
            // The mark of UTF-8 that some editors write in front.
            let text = number == 1 && line.starts(with: [0xEF, 0xBB, 0xBF]) ? line.dropFirst(3) : line
            if !text.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { try body(ByteBuffer(bytes: text), number) }
        }
        while true {
            let read: Data?
            do {
                read = try file.read(upToCount: 64 << 10)
            } catch {
                throw Refused("the \(path.map { "file \($0)" } ?? "standard input") cannot be read", status: 66).told
            }
            guard let read, !read.isEmpty else { break }
            var start = read.startIndex
            while let end = read[start...].firstIndex(of: UInt8(ascii: "\n")) {
                kept.append(read[start..<end])
                try take(kept)
                kept = Data()
                start = read.index(after: end)
            }
            kept.append(read[start...])
            if kept.count > most { try take(kept) }
        }
        if !kept.isEmpty { try take(kept) }
    }
}
