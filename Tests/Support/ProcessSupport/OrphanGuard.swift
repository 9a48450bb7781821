import Foundation
import Synchronization

/// Kills what is left when the tests themselves are killed or crash.
///
/// A small shell reads which processes to watch from a pipe that only the tests hold; when the pipe ends without their having been released,
/// it kills them.
package final class OrphanGuard: Sendable {
    private let input: Mutex<FileHandle?>

    private static let script = """
        trap '' INT TERM HUP PIPE
        left=' '
        while read -r operation process; do
            case $operation in
                watch) left="$left$process " ;;
                release) left=$(printf '%s' "$left" | sed "s/ $process / /") ;;
            esac
        done
        for process in $left; do kill -9 "$process" 2>/dev/null; done
        """

    package init() throws {
        let pipe = Pipe()
        // No other child may hold the pipe open.
        _ = fcntl(pipe.fileHandleForWriting.fileDescriptor, F_SETFD, FD_CLOEXEC)
        let shell = Process()
        shell.executableURL = URL(fileURLWithPath: "/bin/sh")
        shell.arguments = ["-c", Self.script]
        shell.standardInput = pipe
        shell.standardOutput = FileHandle.nullDevice
        shell.standardError = FileHandle.nullDevice
        try shell.run()
        input = Mutex(pipe.fileHandleForWriting)
    }

    deinit {
        // The shell's `Process` holds the pipe too.
        input.withLock { try? $0?.close() }
    }

    package func watch(_ process: Int32) {
        tell("watch \(process)")
    }

    package func release(_ process: Int32) {
        tell("release \(process)")
    }

    private func tell(_ line: String) {
        input.withLock { input in
            do {
                try input?.write(contentsOf: Data("\(line)\n".utf8))
            } catch {
                // The shell is gone; there is nobody left to tell.
                input = nil
            }
        }
    }
}
