package import Foundation
import Synchronization

/// A program of this package, run for a test.
///
/// It is stopped when the body of `run` is left, in whatever way: first with SIGTERM, then, if it has not gone in time, with SIGKILL. What it
/// prints is kept up to a limit. If the tests themselves are killed, so is it.
package final class ProductProcess: Sendable {
    package enum ExitStatus: Sendable, Equatable {
        case exited(Int32)
        case signalled(Int32)
    }

    /// Which line says that the program is ready.
    package enum Readiness: Sendable {
        case output(prefix: String)
        case outputContaining(String)
        /// On standard error, where logs go.
        case errorOutput(containing: String)
    }

    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    private let process: ProcessBox
    private let standardOutput: OutputCollector
    private let standardError: OutputCollector
    private let exit: Latch<ExitStatus>

    /// Starts the product and, when it has printed a line that starts with the prefix, runs the body.
    ///
    /// - Parameters:
    ///   - environment: added to the tests' own.
    ///   - readyPrefix: of the line on standard output that says the program is ready. It is handed to the body.
    ///   - startTimeout: for that line.
    ///   - stopTimeout: between SIGTERM and SIGKILL.
    package static func run<Result>(
        _ product: String, arguments: [String] = [], environment: [String: String] = [:], directory: URL? = nil,
        readyPrefix: String, startTimeout: Duration = .seconds(120), stopTimeout: Duration = .seconds(10),
        body: (ProductProcess, _ readyLine: String) async throws -> Result
    ) async throws -> Result {
        try await run(
            product, arguments: arguments, environment: environment, directory: directory, ready: .output(prefix: readyPrefix),
            startTimeout: startTimeout, stopTimeout: stopTimeout, body: body)
    }

    /// The same for a program that may say in its log that it is ready.
    package static func run<Result>(
        _ product: String, arguments: [String] = [], environment: [String: String] = [:], directory: URL? = nil, ready: Readiness,
        startTimeout: Duration = .seconds(120), stopTimeout: Duration = .seconds(10),
        body: (ProductProcess, _ readyLine: String) async throws -> Result
    ) async throws -> Result {
        try await run(
            executable: BuildProducts.executable(product), arguments: arguments, environment: environment, directory: directory,
            ready: ready,
            startTimeout: startTimeout, stopTimeout: stopTimeout, body: body)
    }

    /// The same for a program that is not of this package, such as a database.
    package static func run<Result>(
        executable: URL, arguments: [String] = [], environment: [String: String] = [:], directory: URL? = nil, ready: Readiness,
        startTimeout: Duration = .seconds(120), stopTimeout: Duration = .seconds(10),
        body: (ProductProcess, _ readyLine: String) async throws -> Result
    ) async throws -> Result {
        let (process, line) = try await start(
            executable: executable, arguments: arguments, environment: environment, directory: directory, ready: ready,
            startTimeout: startTimeout, stopTimeout: stopTimeout)
        do {
            let result = try await body(process, line)
            await process.stop(timeout: stopTimeout)
            return result
        } catch {
            await process.stop(timeout: stopTimeout)
            throw error
        }
    }

    /// Starts a program that its caller stops, or ends with the tests; returns when it is ready, with the line that says so.
    package static func start(
        executable: URL, arguments: [String] = [], environment: [String: String] = [:], directory: URL? = nil, ready: Readiness,
        startTimeout: Duration = .seconds(120), stopTimeout: Duration = .seconds(10)
    ) async throws -> (process: ProductProcess, readyLine: String) {
        let process = try ProductProcess(executable, arguments: arguments, environment: environment, directory: directory)
        do {
            switch ready {
            case .outputContaining(let text): return (process, try await process.outputLine(containing: text, timeout: startTimeout))
            case .output(let prefix): return (process, try await process.line(startingWith: prefix, timeout: startTimeout))
            case .errorOutput(let text): return (process, try await process.errorLine(containing: text, timeout: startTimeout))
            }
        } catch {
            await process.stop(timeout: stopTimeout)
            throw error
        }
    }

    /// Runs the product to its end.
    package static func runToEnd(
        _ product: String, arguments: [String] = [], environment: [String: String] = [:], directory: URL? = nil,
        timeout: Duration = .seconds(60)
    ) async throws -> (status: ExitStatus, output: String, errorOutput: String) {
        let executable = try BuildProducts.executable(product)
        let process = try ProductProcess(executable, arguments: arguments, environment: environment, directory: directory)
        guard let status = await process.exit.wait(timeout: timeout) else {
            await process.stop(timeout: .zero)
            throw Failure(description: "\(product) did not end within \(timeout).\n\(process.report)")
        }
        await process.standardOutput.waitForEnd()
        await process.standardError.waitForEnd()
        return (status, process.output, process.errorOutput)
    }

    private init(_ executable: URL, arguments: [String], environment: [String: String], directory: URL?) throws {
        let process = Process()
        process.executableURL = executable
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.currentDirectoryURL = directory
        process.standardInput = FileHandle.nullDevice
        let exit = Latch<ExitStatus>()
        self.exit = exit
        process.terminationHandler = { process in
            Self.spawner.withLock { $0?.release(process.processIdentifier) }
            exit.set(process.terminationReason == .exit ? .exited(process.terminationStatus) : .signalled(process.terminationStatus))
        }
        (standardOutput, standardError) = try Self.spawner.withLock { orphanGuard in
            if orphanGuard == nil {
                orphanGuard = try Self.withoutBlockedSignals { try OrphanGuard() }
            }
            let (output, error) = (Pipe(), Pipe())
            for handle in [
                output.fileHandleForReading, output.fileHandleForWriting, error.fileHandleForReading, error.fileHandleForWriting,
            ] {
                _ = fcntl(handle.fileDescriptor, F_SETFD, FD_CLOEXEC)
            }
            process.standardOutput = output
            process.standardError = error
            let collectors = (OutputCollector(output.fileHandleForReading), OutputCollector(error.fileHandleForReading))
            try Self.withoutBlockedSignals { try process.run() }
            orphanGuard?.watch(process.processIdentifier)
            return collectors
        }
        self.process = ProcessBox(process)
    }

    /// Children are started one at a time, so that none inherits the pipes of another and keeps them from ending. There is one guard for all.
    private static let spawner = Mutex<OrphanGuard?>(nil)

    /// A child inherits the mask of the thread that starts it, and Dispatch's threads block SIGTERM.
    private static func withoutBlockedSignals<Result>(_ body: () throws -> Result) rethrows -> Result {
        var (none, previous) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &previous)
        defer { pthread_sigmask(SIG_SETMASK, &previous, nil) }
        return try body()
    }

    deinit {
        kill(SIGKILL)
    }

    package var processIdentifier: Int32 { process.identifier }
    /// What has come on standard output so far; of more than a mebibyte the last.
    package var output: String { standardOutput.text }
    package var errorOutput: String { standardError.text }

    /// Waits for a whole line of standard output, also one that has come already.
    package func line(startingWith prefix: String, timeout: Duration = .seconds(90)) async throws -> String {
        if let line = await standardOutput.line(startingWith: prefix, timeout: timeout) {
            return line
        }
        if exit.value != nil {
            await standardError.waitForEnd()
        }
        throw Failure(description: "no line that starts with \"\(prefix)\" within \(timeout).\n\(report)")
    }

    /// The same of standard error.
    package func errorLine(containing text: String, timeout: Duration = .seconds(90)) async throws -> String {
        if let line = await standardError.line(containing: text, timeout: timeout) {
            return line
        }
        throw Failure(description: "no line with \"\(text)\" on standard error within \(timeout).\n\(report)")
    }

    /// The same for standard output.
    package func outputLine(containing text: String, timeout: Duration = .seconds(90)) async throws -> String {
        if let line = await standardOutput.line(containing: text, timeout: timeout) {
            return line
        }
        throw Failure(description: "no line with \"\(text)\" on standard output within \(timeout).\n\(report)")
    }

    /// Sends a signal; does nothing when the process is gone.
    package func kill(_ signal: Int32) {
        if exit.value == nil {
            process.send(signal)
        }
    }

    /// `nil` if it still runs after the time.
    package func waitForExit(timeout: Duration = .seconds(30)) async -> ExitStatus? {
        await exit.wait(timeout: timeout)
    }

    @discardableResult
    package func stop(timeout: Duration = .seconds(10)) async -> ExitStatus? {
        kill(SIGTERM)
        if let status = await exit.wait(timeout: timeout) {
            return status
        }
        kill(SIGKILL)
        return await exit.wait(timeout: .seconds(10))
    }

    private var report: String {
        "Exit: \(exit.value.map { "\($0)" } ?? "still running")\nStandard output:\n\(output)\nStandard error:\n\(errorOutput)"
    }
}

/// `Process` behind a lock: it says nothing of threads.
private final class ProcessBox: Sendable {
    let identifier: Int32
    private let process: Mutex<Process>

    init(_ process: sending Process) {
        identifier = process.processIdentifier
        self.process = Mutex(process)
    }

    func send(_ signal: Int32) {
        process.withLock { process in
            if process.isRunning {
                _ = Foundation.kill(identifier, signal)
            }
        }
    }
}
