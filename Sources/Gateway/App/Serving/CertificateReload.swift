import Foundation
import GatewayConfiguration
import Logging
import NIOConcurrencyHelpers
import NIOSSL

/// The TLS side of the main listener as the next connection finds it. Connections that are open keep what they began with.
final class CurrentTLS: Sendable {
    private let state: NIOLockedValueBox<(listener: Configuration.TLSListener, context: NIOSSLContext)>

    init(_ listener: Configuration.TLSListener, _ context: NIOSSLContext) {
        state = NIOLockedValueBox((listener, context))
    }

    var context: NIOSSLContext { state.withLockedValue { $0.context } }
    var listener: Configuration.TLSListener { state.withLockedValue { $0.listener } }

    func use(_ listener: Configuration.TLSListener, _ context: NIOSSLContext) {
        state.withLockedValue { $0 = (listener, context) }
    }
}

/// Puts a new certificate in the old one's place while the gateway runs: on SIGHUP with the rest of the configuration, and by itself when one of its
/// files has changed, as certbot and Kubernetes change them. A new one that is no good leaves the old one in place.
struct CertificateReload: Sendable {
    /// How often the files are looked at.
    static let interval = Duration.seconds(5)

    let source: ConfigurationSource
    let current: CurrentTLS
    let logger: Logger

    /// Takes certificate, key and client CA of a new configuration, if they differ.
    func use(_ new: Configuration.TLSListener?) {
        let old = current.listener
        guard let new, new.identity != old.identity || new.clientAuthorities != old.clientAuthorities else { return }
        guard new.identity != nil, old.identity != nil, (new.clientAuthorities == nil) == (old.clientAuthorities == nil) else {
            return logger.error(
                "certificate kept: a restart is needed to begin or end with a certificate of one's own, or with client certificates")
        }
        // Who is asked for what was decided when the listener was opened.
        var listener = old
        listener.identity = new.identity
        listener.clientAuthorities = new.clientAuthorities
        listener.certificateFiles = new.certificateFiles
        do {
            current.use(listener, try ServerTLS(listener).context)
            logger.notice("certificate reloaded")
        } catch {
            logger.error("certificate kept: the new one cannot be used", metadata: ["error": "\(error)"])
        }
    }

    /// Looks at the files until the task is cancelled.
    func watchFiles() async {
        var seen = stamps
        while (try? await Task.sleep(for: Self.interval)) != nil {
            let now = stamps
            guard now != seen else { continue }
            seen = now
            switch source.load() {
            case .success(let configuration): use(configuration.listen.tls)
            case .failure(let faults): logger.error("certificate kept: the new one is refused", metadata: ["faults": "\(faults.rendered)"])
            }
        }
    }

    private var stamps: [FileStamp?] { current.listener.certificateFiles.map(FileStamp.init) }
}

/// What tells a changed file from an unchanged one; links are followed, since Kubernetes changes the link.
private struct FileStamp: Equatable {
    private let device: UInt64
    private let number: UInt64
    private let bytes: Int64
    private let seconds: Int
    private let nanoseconds: Int

    /// `nil`: there is no such file.
    init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        device = UInt64(status.st_dev)
        number = UInt64(status.st_ino)
        bytes = Int64(status.st_size)
        #if canImport(Darwin)
        (seconds, nanoseconds) = (status.st_mtimespec.tv_sec, status.st_mtimespec.tv_nsec)
        #else
        (seconds, nanoseconds) = (status.st_mtim.tv_sec, status.st_mtim.tv_nsec)
        #endif
    }
}
