import Foundation

/// How many files and sockets the process may have open at once. Without one to spare no connection can be taken, and no provider called.
enum FileLimit {
    /// For stores, files, listeners and what the system's libraries open.
    static let reserve = 128

    /// Raises the soft limit to the hard one, which shells and systemd leave far above it; returns what holds now. `nil`: nobody knows.
    static func raise() -> Int? {
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return nil }
        if limit.rlim_cur < limit.rlim_max {
            var raised = limit
            raised.rlim_cur = limit.rlim_max
            #if canImport(Darwin)
            raised.rlim_cur = min(raised.rlim_cur, rlim_t(OPEN_MAX))
            #endif
            if setrlimit(resource, &raised) == 0 { limit = raised }
        }
        return Int(clamping: limit.rlim_cur)
    }

    #if canImport(Darwin)
    private static let resource = RLIMIT_NOFILE
    #else
    private static let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    #endif

    /// The connections of callers that `files` allow: each may need one to a provider.
    static func connections(for files: Int) -> Int { max(1, (files - reserve) / 2) }
}
