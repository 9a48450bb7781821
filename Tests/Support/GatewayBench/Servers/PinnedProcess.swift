import Foundation

struct BenchFailure: Error, CustomStringConvertible {
    let description: String
}

/// A program that runs on one core, with its output in a file.
final class PinnedProcess {
    let identifier: Int32
    private let process = Process()
    private let outputFile: URL
    private let name: String

    /// - Parameter environment: added to our own.
    init(_ program: URL, _ arguments: [String], core: Int, folder: URL, environment: [String: String] = [:]) throws {
        name = program.lastPathComponent
        outputFile = folder.appendingPathComponent("\(name)-\(UUID().uuidString).out")
        try Data().write(to: outputFile)
        let output = try FileHandle(forWritingTo: outputFile)
        // taskset becomes the program: the identifier is the program's.
        process.executableURL = URL(fileURLWithPath: "/usr/bin/taskset")
        process.arguments = ["-c", "\(core)", program.path] + arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        try process.run()
        identifier = process.processIdentifier
    }

    deinit {
        stop()
    }

    var isRunning: Bool { process.isRunning }

    var output: String { (try? String(contentsOf: outputFile, encoding: .utf8)) ?? "" }

    /// Waits for the text that follows `marker` on a line of the output, up to its end.
    func text(after marker: String, within seconds: Double = 30) throws -> String {
        let end = Date(timeIntervalSinceNow: seconds)
        while Date() < end, process.isRunning {
            for line in output.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
                if let range = line.range(of: marker) {
                    return String(line[range.upperBound...])
                }
            }
            usleep(2_000)
        }
        throw BenchFailure(description: "\(name) did not say \"\(marker)\":\n\(output)")
    }

    /// Waits until the port takes connections.
    func waitForPort(_ port: Int, within seconds: Double = 30) throws {
        let end = Date(timeIntervalSinceNow: seconds)
        while Date() < end, process.isRunning {
            if LocalPort.accepts(port) { return }
            usleep(2_000)
        }
        throw BenchFailure(description: "\(name) does not listen on port \(port):\n\(output)")
    }

    /// SIGTERM, and SIGKILL where that is not enough.
    func stop(within seconds: Double = 10) {
        guard process.isRunning else { return }
        process.terminate()
        let end = Date(timeIntervalSinceNow: seconds)
        while process.isRunning, Date() < end { usleep(10_000) }
        if process.isRunning { kill(identifier, SIGKILL) }
        process.waitUntilExit()
    }
}

/// Ports of 127.0.0.1.
enum LocalPort {
    /// A port that was free a moment ago.
    static func free() throws -> Int {
        let descriptor = try socket()
        defer { close(descriptor) }
        var address = address(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, length) == 0 && getsockname(descriptor, pointer, &length) == 0
            }
        }
        guard bound else { throw BenchFailure(description: "no free port") }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    static func accepts(_ port: Int) -> Bool {
        guard let descriptor = try? socket() else { return false }
        defer { close(descriptor) }
        var address = address(port)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    private static func socket() throws -> Int32 {
        #if canImport(Glibc)
        let kind = Int32(SOCK_STREAM.rawValue)
        #else
        let kind = SOCK_STREAM
        #endif
        let descriptor = Foundation.socket(AF_INET, kind, 0)
        guard descriptor >= 0 else { throw BenchFailure(description: "no socket: errno \(errno)") }
        return descriptor
    }

    private static func address(_ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }
}
