import Foundation
import GatewayCore

/// What Prometheus' clients tell of a process, under their names. On Linux, of `/proc`; elsewhere there is none of it.
enum ProcessFigures {
    static func write(into text: inout MetricsText) {
        guard let statistics = try? String(contentsOfFile: "/proc/self/stat", encoding: .utf8),
            // The command's name, in parentheses, may have spaces.
            let fields = statistics.lastIndex(of: ")").map({ statistics[$0...].dropFirst(2).split(separator: " ") }), fields.count > 21
        else { return }
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        let page = Double(sysconf(Int32(_SC_PAGESIZE)))
        // Fields of proc(5) from the third on: 14 utime, 15 stime, 22 starttime, 23 vsize, 24 rss.
        func field(_ number: Int) -> Double { Double(fields[number - 3]) ?? 0 }
        text.family("process_cpu_seconds_total", .counter, "CPU time of the process, user and system.")
        text.sample((field(14) + field(15)) / ticks)
        text.family("process_resident_memory_bytes", .gauge, "Resident memory.")
        text.sample(UInt64(field(24) * page))
        text.family("process_virtual_memory_bytes", .gauge, "Virtual memory.")
        text.sample(UInt64(field(23)))
        if let boot = bootSeconds {
            text.family("process_start_time_seconds", .gauge, "When the process began, in seconds since 1970.")
            text.sample(boot + field(22) / ticks)
        }
        guard let files = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd") else { return }
        text.family("process_open_fds", .gauge, "Open file descriptors.")
        text.sample(files.count)
    }

    private static var bootSeconds: Double? {
        try? String(contentsOfFile: "/proc/stat", encoding: .utf8).split(separator: "\n").first { $0.hasPrefix("btime ") }
            .flatMap { Double($0.dropFirst(6)) }
    }
}
