import Foundation

/// A library of Preloaded/, built for this run.
struct PreloadedLibrary {
    let path: String

    init(_ name: String, _ folders: BenchFolders) throws {
        path = folders.work.appendingPathComponent("\(name).so").path
        let source = folders.sources.appendingPathComponent("Preloaded/\(name).c")
        _ = try Command.output(URL(fileURLWithPath: "/usr/bin/cc"), ["-O2", "-shared", "-fPIC", "-o", path, source.path])
    }
}

/// Preloaded/count.c and the file that it counts in.
struct AllocationCounter {
    let file: URL
    let environment: [String: String]

    init(_ folders: BenchFolders) throws {
        file = folders.work.appendingPathComponent("allocations-\(UUID().uuidString)")
        try Data(count: 32).write(to: file)
        environment = ["LD_PRELOAD": try PreloadedLibrary("count", folders).path, "ALLOCATION_COUNT_FILE": file.path]
    }
}
