import Foundation
import ProcessSupport
import Testing

@Suite("Process support", .timeLimit(.minutes(4)))
struct ProductProcessTests {
    private static func isAlive(_ identifier: Int32) -> Bool {
        kill(identifier, 0) == 0
    }

    @Test("a product is stopped when the body is left, by return or by error")
    func stops() async throws {
        struct Left: Error {}
        let returned = try await ProductProcess.run("scripted-provider", readyPrefix: "listening on ") { process, line in
            #expect(line.hasPrefix("listening on http://127.0.0.1:"))
            #expect(process.output == line + "\n")
            #expect(Self.isAlive(process.processIdentifier))
            return process.processIdentifier
        }
        #expect(!Self.isAlive(returned))
        var thrown: Int32 = 0
        await #expect(throws: Left.self) {
            try await ProductProcess.run("scripted-provider", readyPrefix: "listening on ") { process, _ in
                thrown = process.processIdentifier
                throw Left()
            }
        }
        #expect(!Self.isAlive(thrown))
    }

    @Test("a product that is told to stop says how it ended")
    func exitStatus() async throws {
        try await ProductProcess.run("scripted-provider", readyPrefix: "listening on ") { process, _ in
            #expect(await process.stop() == .signalled(SIGTERM))
            #expect(await process.waitForExit() == .signalled(SIGTERM))
        }
    }

    @Test("a product that does not start tells what it printed")
    func failedStart() async throws {
        let error = await #expect(throws: ProductProcess.Failure.self) {
            try await ProductProcess.run("scripted-provider", arguments: ["--port", "-5"], readyPrefix: "listening on ") { _, _ in }
        }
        #expect(error?.description.contains("--port") == true)
        let ended = try await ProductProcess.runToEnd("scripted-provider", arguments: ["--record-limit", "0"])
        #expect(ended.status != .exited(0))
        #expect(ended.errorOutput.contains("--record-limit"))
    }

    @Test("a line that never comes is waited for no longer than the timeout")
    func lineTimeout() async throws {
        await #expect(throws: ProductProcess.Failure.self) {
            try await ProductProcess.run(
                "scripted-provider", readyPrefix: "something else", startTimeout: .milliseconds(100)
            ) { _, _ in }
        }
    }

    @Test("a product that is not built is named")
    func notBuilt() async throws {
        let error = await #expect(throws: BuildProducts.NotFound.self) {
            try await ProductProcess.runToEnd("no-such-product")
        }
        #expect(error?.description.contains("no-such-product") == true)
    }

    @Test("a free port can be bound and a temporary folder is removed")
    func resources() async throws {
        let port = try FreePort.find()
        try await ProductProcess.run("scripted-provider", arguments: ["--port", "\(port)"], readyPrefix: "listening on ") { _, line in
            #expect(line.hasSuffix(":\(port)"))
        }
        let folder = try await withTemporaryDirectory { folder in
            try Data([1]).write(to: folder.appendingPathComponent("file"))
            return folder
        }
        #expect(!FileManager.default.fileExists(atPath: folder.path))
    }

    @Test("what is not released when the tests are gone is killed, and nothing else")
    func orphans() throws {
        func start() throws -> Process {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/bin/sleep")
            process.arguments = ["600"]
            try process.run()
            return process
        }
        let (first, released, last) = (try start(), try start(), try start())
        do {
            let orphanGuard = try OrphanGuard()
            orphanGuard.watch(first.processIdentifier)
            orphanGuard.watch(released.processIdentifier)
            orphanGuard.watch(last.processIdentifier)
            orphanGuard.release(released.processIdentifier)
            // Its pipe ends here, as it does when the tests' process ends.
        }
        first.waitUntilExit()
        last.waitUntilExit()
        #expect(first.terminationReason == .uncaughtSignal)
        #expect(last.terminationReason == .uncaughtSignal)
        #expect(released.isRunning)
        kill(released.processIdentifier, SIGKILL)
        released.waitUntilExit()
    }
}
