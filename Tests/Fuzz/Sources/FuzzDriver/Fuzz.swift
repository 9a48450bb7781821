import CFuzzer

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

// libFuzzer calls a C function without a context. Written once before it starts, and it runs on one thread.
nonisolated(unsafe) private var testOneInput: (UnsafeRawBufferPointer) -> Void = { _ in }

/// Gives the process to libFuzzer, which calls `test` with one input after another. A trap in it is a finding.
package func fuzz(_ test: @escaping (UnsafeRawBufferPointer) -> Void) -> Never {
    testOneInput = test
    var count = CommandLine.argc
    var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
    exit(
        LLVMFuzzerRunDriver(&count, &arguments) { start, count in
            testOneInput(UnsafeRawBufferPointer(start: start, count: count))
            return 0
        })
}
