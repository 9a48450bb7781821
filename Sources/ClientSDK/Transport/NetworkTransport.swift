import DequeModule
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Wire
import WireTransport

/// Carries out what the connection pool decides, on connections over TLS.
///
/// All of a client's connections live on one event loop, so that the pool and everything it steers need no lock; callers post to
/// the loop and are posted back to through mailboxes. One loop carries far more than a program asks of its gateways, and the work
/// per byte is TLS and a copy. An actor would add hops between its executor and the loop for every piece of an answer.
///
/// `@unchecked Sendable`: everything that changes is touched on `loop` only; the other properties are constants.
final class NetworkTransport: ClientTransport, @unchecked Sendable {
    static let applicationProtocol = "agentshield/1"

    private let configuration: AgentShieldClient.Configuration
    private let loop: any EventLoop
    private let tls: NIOSSLContext
    /// For WebSockets, through what speaks HTTP.
    private let webTLS: NIOSSLContext
    private let logger: Logger
    private let callNumbers = NIOLockedValueBox<UInt64>(0)

    private var pool: ConnectionPool
    private var random = SystemRandomNumberGenerator()
    private var exchanges: [CallID: Exchange] = [:]
    private var channels: [ConnectionID: ClientChannel] = [:]
    private let compressor: LZ4Compressor?
    /// Events that came while actions were carried out.
    private var events = Deque<PoolEvent>()
    private var isHandling = false
    private var timer: Scheduled<Void>?
    private var timerDeadline = NIODeadline.distantFuture
    private var isFinished = false
    private var finishWaiters: [CheckedContinuation<Void, Never>] = []

    init(_ configuration: AgentShieldClient.Configuration, group: (any EventLoopGroup)?, logger: Logger) throws {
        try configuration.validate()
        self.configuration = configuration
        self.logger = logger
        loop = (group ?? MultiThreadedEventLoopGroup.singleton).next()
        tls = try NIOSSLContext(configuration: configuration.tlsConfiguration(Self.applicationProtocol, minimum: .tlsv13))
        webTLS = try NIOSSLContext(configuration: configuration.tlsConfiguration(UpgradeGate.applicationProtocol, minimum: .tlsv12))
        compressor = configuration.isCompressionEnabled ? LZ4Compressor() : nil
        pool = ConnectionPool(settings: configuration.poolSettings, random: &random)
    }

    // MARK: - Calls, from any thread

    private struct Control: CallControl {
        let transport: NetworkTransport
        let id: CallID

        func consumed(_ bytes: Int) {
            transport.loop.execute { transport.consumed(bytes, by: id) }
        }

        func abandon() {
            transport.loop.execute { transport.abandon(id) }
        }
    }

    func begin(_ call: OutgoingCall) -> AnswerMailbox {
        let id = CallID(
            rawValue: callNumbers.withLockedValue {
                $0 += 1
                return $0
            })
        // With half of the credit waiting in the connection, three eighths are left for the gateway: more than a frame.
        let mailbox = AnswerMailbox(
            control: Control(transport: self, id: id), reportThreshold: configuration.streamBufferBytes / 8, onEnd: call.onEnd)
        let deadline = NIODeadline.now() + TimeAmount(min(call.deadline, .seconds(4_233_600)))
        let request = call.wireRequest
        loop.execute {
            self.exchanges[id] = Exchange(id: id, request: request, deadline: deadline, mailbox: mailbox)
            self.handle(.callStarted(id, deadline: deadline, isResumable: request.resumable))
        }
        return mailbox
    }

    func shutdown(within grace: Duration) async {
        let deadline = NIODeadline.now() + TimeAmount(min(grace, .seconds(4_233_600)))
        await withCheckedContinuation { continuation in
            loop.execute {
                guard !self.isFinished else { return continuation.resume() }
                self.finishWaiters.append(continuation)
                self.handle(.shutdownStarted(deadline: deadline))
            }
        }
    }

    func release() {
        loop.execute {
            guard !self.isFinished else { return }
            self.handle(.shutdownStarted(deadline: .distantFuture))
        }
    }

    // MARK: - On the event loop

    private func consumed(_ bytes: Int, by id: CallID) {
        guard let exchange = exchanges[id] else { return }
        let credit = exchange.taken(bytes)
        if credit > 0, let place = exchange.place { place.channel.consumed(credit, on: place.stream) }
    }

    private func abandon(_ id: CallID) {
        guard exchanges[id] != nil else { return }
        handle(.callAbandoned(id))
        exchanges.removeValue(forKey: id)
    }

    func callEnded(_ exchange: Exchange) {
        exchanges.removeValue(forKey: exchange.id)
        handle(.callEnded(exchange.id))
    }

    func leaving(_ connection: ClientChannel, _ goAway: GoAway) {
        logger.debug("gateway goes away", metadata: ["address": "\(connection.address.host)", "reason": "\(goAway.reason.rawValue)"])
        handle(.connectionLeaving(connection.id))
    }

    /// It could not be established.
    func connectionFailed(_ connection: ClientChannel, _ error: AgentShieldError) {
        // Told before the channel is closed, which would give a lesser reason.
        connectionEnded(connection, CallFailure(error: error, retry: error.isRetryable ? .later : .never))
        connection.channel?.close(promise: nil)
    }

    func connectionEnded(_ connection: ClientChannel, _ failure: CallFailure) {
        guard !connection.hasEnded else { return }
        connection.hasEnded = true
        connection.timeout?.cancel()
        connection.timeout = nil
        for exchange in connection.exchanges.values { exchange.leavePlace() }
        connection.exchanges.removeAll()
        channels.removeValue(forKey: connection.id)
        logger.debug("connection over", metadata: ["address": "\(connection.address.host)", "reason": "\(failure.error.name)"])
        handle(.connectionEnded(connection.id, failure))
    }

    /// Has the pool decide, and does what it says.
    func handle(_ event: PoolEvent) {
        events.append(event)
        guard !isHandling else { return }
        isHandling = true
        while let event = events.popFirst() {
            pool.handle(event, now: .now(), random: &random)
            while let action = pool.nextAction() { perform(action) }
        }
        isHandling = false
        updateTimer()
    }

    private func perform(_ action: PoolAction) {
        switch action {
        case .connect(let id, let position): connect(id, configuration.addresses[position])
        case .send(let id, let connection): send(id, on: connection)
        case .fail(let id, let error): exchanges.removeValue(forKey: id)?.mailbox.fail(error)
        case .cancel(let id, _, let isOverdue):
            guard let exchange = exchanges[id], let place = exchange.place else { return }
            exchange.leavePlace()
            place.channel.cancel(place.stream, isOverdue: isOverdue)
        case .leave(let id): channels[id]?.leave()
        case .finish:
            isFinished = true
            for waiter in finishWaiters { waiter.resume() }
            finishWaiters.removeAll()
        }
    }

    private func send(_ id: CallID, on connection: ConnectionID) {
        guard let exchange = exchanges[id] else { return }
        guard let channel = channels[connection] else { return handle(.callBlocked(id)) }
        do throws(OpenStreamFailure) {
            try channel.send(exchange)
        } catch {
            switch error {
            case .tooManyStreams: handle(.callBlocked(id))
            case .closed, .goingAway, .streamsExhausted:
                handle(.connectionLeaving(connection))
                handle(.callBlocked(id))
            case .requestTooLarge(let limit):
                let error = AgentShieldError(.requestTooLarge, "the request is longer than the \(limit) bytes that the gateway accepts")
                handle(.callFailed(id, CallFailure(error: error, retry: .never)))
            }
        }
    }

    /// Keeps a timer that fires no later than the pool's deadline; one that is too early costs an idle call, not a new timer.
    private func updateTimer() {
        guard let deadline = pool.nextDeadline else { return }
        if timer != nil, timerDeadline <= deadline { return }
        timer?.cancel()
        timerDeadline = deadline
        timer = loop.assumeIsolated().scheduleTask(deadline: deadline) {
            self.timer = nil
            self.handle(.timerFired)
        }
    }
}

// MARK: - Connecting

extension NetworkTransport {
    private func connect(_ id: ConnectionID, _ address: Address) {
        let connection = ClientChannel(id: id, address: address, transport: self)
        channels[id] = connection
        connection.timeout = loop.assumeIsolated().scheduleTask(in: TimeAmount(configuration.connectTimeout)) {
            let message = "\(address.host):\(address.port) could not be reached in time"
            self.connectionFailed(connection, AgentShieldError(.unreachable, message, isRetryable: true))
        }
        let credential = configuration.credential
        Task {
            let outcome: Result<String, any Error>
            do { outcome = .success(try await credential.provide()) } catch { outcome = .failure(error) }
            self.loop.execute { self.credentialProvided(outcome, for: id) }
        }
    }

    private func credentialProvided(_ outcome: Result<String, any Error>, for id: ConnectionID) {
        guard let connection = channels[id] else { return }
        switch outcome {
        case .success(let credential): open(connection, credential)
        case .failure(let error):
            let error = error as? AgentShieldError ?? AgentShieldError(.credentialUnavailable, "the credential provider failed")
            connectionFailed(connection, error)
        }
    }

    private func open(_ connection: ClientChannel, _ credential: String) {
        let address = connection.address
        let connecting = ClientBootstrap(group: loop)
            .connectTimeout(TimeAmount(configuration.connectTimeout))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .connect(host: address.host, port: address.port)
        connecting.hop(to: loop).assumeIsolated().whenComplete { outcome in
            switch outcome {
            case .success(let channel): self.secure(channel, connection, credential)
            case .failure(let error):
                let message = "\(address.host):\(address.port) cannot be reached: \(error)"
                self.connectionFailed(connection, AgentShieldError(.unreachable, message, isRetryable: true))
            }
        }
    }

    private func secure(_ channel: any Channel, _ connection: ClientChannel, _ credential: String) {
        guard !connection.hasEnded else { return channel.close(promise: nil) }
        connection.channel = channel
        do {
            switch connection.address.way {
            case .tls:
                let gate = HandshakeGate(connection, transport: self, credential: credential)
                try channel.pipeline.syncOperations.addHandlers([try tlsHandler(tls, connection.address), gate])
            case .webSocket(let path, let isSecure):
                try UpgradeGate.add(
                    to: channel, tls: isSecure ? try tlsHandler(webTLS, connection.address) : nil, connection, transport: self,
                    credential: credential, head: upgradeRequest(to: connection.address, path: path))
            }
        } catch {
            connectionFailed(connection, AgentShieldError(.unreachable, "TLS cannot begin: \(error)", isRetryable: true))
        }
    }

    private func tlsHandler(_ context: NIOSSLContext, _ address: Address) throws -> NIOSSLClientHandler {
        let name = configuration.serverName ?? address.host
        // TLS has no server name for an IP address; the certificate is then compared with the address itself.
        let isAddress = (try? SocketAddress(ipAddress: name, port: 0)) != nil
        return try NIOSSLClientHandler(context: context, serverHostname: isAddress ? nil : name)
    }

    private func upgradeRequest(to address: Address, path: String) -> HTTPRequestHead {
        let named = Address(host: configuration.serverName ?? address.host, port: address.port)
        let isUsualPort = address.port == (address.isPlain ? 80 : 443)
        var headers = HTTPHeaders([
            ("host", isUsualPort ? named.bracketedHost : named.hostAndPort), ("sec-websocket-protocol", UpgradeGate.subprotocol),
        ])
        let agent = UpgradeHeader("user-agent", configuration.agent)
        for header in [agent] + configuration.upgradeHeaders where header.isValid {
            headers.replaceOrAdd(name: header.name, value: header.value)
        }
        return HTTPRequestHead(version: .http1_1, method: .GET, uri: path, headers: headers)
    }

    func makeHandler(for connection: ClientChannel, credential: String) -> WireClientHandler {
        var settings = ClientSettings()
        settings.limits.initialStreamCredit = UInt32(clamping: configuration.streamBufferBytes)
        settings.limits.initialConnectionCredit = max(settings.limits.initialConnectionCredit, settings.limits.initialStreamCredit)
        settings.limits.maxMessageBytes = UInt32(clamping: configuration.maxAnswerBytes)
        settings.features = configuration.isCompressionEnabled ? [.lz4] : []
        settings.common.keepAliveInterval = configuration.keepAlive.map { TimeAmount($0) }
        settings.common.idleTimeout = configuration.idleTimeout.map { TimeAmount($0) }
        settings.welcomeTimeout = TimeAmount(configuration.connectTimeout)
        let machine = ClientConnection(
            settings: settings, credential: Text(credential), agent: Text(configuration.agent), compressor: compressor, now: .now())
        return WireClientHandler(machine, delegate: connection)
    }
}

extension ClientCertificate {
    /// Reads both parts.
    fileprivate func present(in configuration: inout TLSConfiguration) throws {
        do {
            switch self {
            case .files(let certificate, let privateKey):
                configuration.certificateChain = try NIOSSLCertificate.fromPEMFile(certificate).map { .certificate($0) }
                configuration.privateKey = .privateKey(try NIOSSLPrivateKey(file: privateKey, format: .pem))
            case .pem(let certificate, let privateKey):
                configuration.certificateChain = try NIOSSLCertificate.fromPEMBytes(certificate).map { .certificate($0) }
                configuration.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: privateKey, format: .pem))
            }
        } catch {
            throw AgentShieldError(.invalidConfiguration, "the client's certificate or its key cannot be read: \(error)")
        }
    }
}

extension AgentShieldClient.Configuration {
    fileprivate func tlsConfiguration(_ applicationProtocol: String, minimum: TLSVersion) throws -> TLSConfiguration {
        var tls = try trust.tlsConfiguration
        tls.minimumTLSVersion = minimum
        tls.applicationProtocols = [applicationProtocol]
        try clientCertificate?.present(in: &tls)
        return tls
    }
}

extension TLSTrust {
    fileprivate var tlsConfiguration: TLSConfiguration {
        get throws {
            var configuration = TLSConfiguration.makeClientConfiguration()
            do {
                switch self {
                case .systemRoots: break
                case .file(let path): configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(path))
                case .pem(let bytes): configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(bytes))
                }
            } catch {
                throw AgentShieldError(.invalidConfiguration, "the certificates to trust cannot be read: \(error)")
            }
            return configuration
        }
    }
}

extension AgentShieldClient.Configuration {
    fileprivate var poolSettings: ConnectionPool.Settings {
        var settings = ConnectionPool.Settings()
        settings.addressCount = addresses.count
        settings.maxConnections = maxConnections
        settings.maxPendingCalls = maxPendingCalls
        settings.maxAttempts = retry.maxAttempts
        settings.maxConnectAttempts = retry.maxConnectAttempts
        settings.maxRetryDelay = TimeAmount(retry.maxRetryAfter)
        settings.retryBackoff = Backoff(base: TimeAmount(retry.baseDelay), cap: TimeAmount(retry.maxDelay))
        settings.connectBackoff = Backoff(base: TimeAmount(retry.baseDelay * 2), cap: TimeAmount(retry.maxDelay))
        return settings
    }
}
