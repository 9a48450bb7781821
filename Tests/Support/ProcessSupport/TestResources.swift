package import Foundation
import Synchronization

/// A folder that is there while the body runs and gone afterwards, with all that is in it.
package func withTemporaryDirectory<Result>(_ body: (URL) async throws -> Result) async throws -> Result {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("agentshield-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    defer { try? FileManager.default.removeItem(at: directory) }
    return try await body(directory)
}

package enum FreePort {
    package struct NotFound: Error {}

    /// Those below what systems give to outgoing connections, of which tests make thousands: one of them would be quicker.
    private static let range = 12_000..<30_000

    /// How far this process has come, from a start that differs from other processes'.
    private static let asked = Atomic<Int>(.random(in: range))

    /// A port of 127.0.0.1 that nobody listened on a moment ago, and that this process was not told before: tests that run at once
    /// must not be told the same one while neither of their programs listens yet.
    ///
    /// For programs that cannot be told to take port 0 and say which they got.
    package static func find() throws -> Int {
        for _ in 0..<100 {
            let next = asked.wrappingAdd(1, ordering: .relaxed).newValue
            let port = range.lowerBound + (next - range.lowerBound) % range.count
            if let found = try bound(to: UInt16(port)) { return found }
        }
        throw NotFound()
    }

    /// - Returns: `nil`: the port is taken.
    private static func bound(to port: UInt16) throws -> Int? {
        #if canImport(Glibc)
        let stream = Int32(SOCK_STREAM.rawValue)
        #else
        let stream = SOCK_STREAM
        #endif
        let descriptor = socket(AF_INET, stream, 0)
        guard descriptor >= 0 else { throw NotFound() }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        address.sin_port = port.bigEndian
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        return status == 0 ? Int(port) : nil
    }
}
