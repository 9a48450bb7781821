import Foundation

/// Files that are read whole: configuration, certificates, secrets.
enum SmallFile {
    /// Larger ones, and devices that never end, are refused.
    static let maximumBytes = 16 << 20

    struct Unreadable: Error {}

    /// The file's bytes, read straight into the array that is handed out, so that a secret has no other copy here.
    static func read(_ path: String) throws -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Unreadable() }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT != S_IFDIR else { throw Unreadable() }
        var bytes = [UInt8](repeating: 0, count: min(max(Int(status.st_size), 4096), maximumBytes) + 1)
        var count = 0
        while true {
            let room = bytes.count - count
            let result = bytes.withUnsafeMutableBytes { Foundation.read(descriptor, $0.baseAddress.map { $0 + count }, room) }
            if result < 0, errno == EINTR { continue }
            guard result >= 0, count + result <= maximumBytes else { throw Unreadable() }
            if result == 0 { break }
            count += result
            if count == bytes.count { bytes.append(contentsOf: repeatElement(0, count: min(bytes.count, maximumBytes + 1 - bytes.count))) }
        }
        bytes.removeLast(bytes.count - count)
        return bytes
    }
}
