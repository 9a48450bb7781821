#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Finds a host's addresses; may wait for a name server for as long as it likes. libpq would do so on the driver's thread, where nothing may
/// wait, so every look-up has a thread of its own, of which each connection has at most one.
typealias NameLookUp = @Sendable (_ host: String) -> [String]

enum SystemNames {
    private static let maxAddresses = 8

    /// The system's answer, numeric; empty when there is none.
    static func addresses(of host: String) -> [String] {
        var hints = addrinfo()
        #if canImport(Glibc)
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        #else
        hints.ai_socktype = SOCK_STREAM
        #endif
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &list) == 0, let list else { return [] }
        defer { freeaddrinfo(list) }
        var found: [String] = []
        var next: UnsafeMutablePointer<addrinfo>? = list
        while let entry = next?.pointee, found.count < maxAddresses {
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            if getnameinfo(entry.ai_addr, entry.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0 {
                found.append(String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
            }
            next = entry.ai_next
        }
        return found
    }

    static func isAddress(_ host: String) -> Bool {
        var bytes = in6_addr()
        return inet_pton(AF_INET, host, &bytes) == 1 || inet_pton(AF_INET6, host, &bytes) == 1
    }
}

/// A thread that ends by itself.
final class DetachedThread: Sendable {
    private let body: @Sendable () -> Void

    private init(_ body: @escaping @Sendable () -> Void) { self.body = body }

    /// - Returns: whether the system gave one.
    static func start(_ body: @escaping @Sendable () -> Void) -> Bool {
        let argument = Unmanaged.passRetained(DetachedThread(body))
        let status = create(argument.toOpaque())
        if status != 0 { argument.release() }
        return status == 0
    }

    private static func enter(_ argument: UnsafeMutableRawPointer) {
        Unmanaged<DetachedThread>.fromOpaque(argument).takeRetainedValue().body()
    }

    private static func create(_ argument: UnsafeMutableRawPointer) -> Int32 {
        #if canImport(Darwin)
        var thread: pthread_t?
        let status = pthread_create(
            &thread, nil,
            {
                DetachedThread.enter($0)
                return nil
            }, argument)
        if status == 0, let thread { pthread_detach(thread) }
        #else
        var thread = pthread_t()
        let status = pthread_create(
            &thread, nil,
            {
                if let argument = $0 { DetachedThread.enter(argument) }
                return nil
            }, argument)
        if status == 0 { pthread_detach(thread) }
        #endif
        return status
    }
}
