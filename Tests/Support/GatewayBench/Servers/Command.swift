import Foundation

/// A program that runs to its end.
enum Command {
    /// Where a program of the system is.
    static func find(_ name: String) throws -> URL {
        let folders = ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"]
        guard let folder = folders.first(where: { FileManager.default.isExecutableFile(atPath: "\($0)/\(name)") }) else {
            throw BenchFailure(description: "\(name) is missing: Scripts/install-dependencies --bench")
        }
        return URL(fileURLWithPath: "\(folder)/\(name)")
    }

    /// - Returns: its standard output.
    static func output(_ program: URL, _ arguments: [String], _ environment: [String: String] = [:]) throws -> String {
        let process = Process()
        let (output, errors) = (Pipe(), Pipe())
        process.executableURL = program
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        // Short texts: neither pipe fills.
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let complaint = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw BenchFailure(
                description: "\(program.lastPathComponent) \(arguments.first ?? ""): status \(process.terminationStatus)\n\(complaint)")
        }
        return text
    }
}
