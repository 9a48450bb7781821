package import GatewayAuthentication
package import GatewayCore
import GatewayCrypto
package import NIOCore

/// Who may call, and until when. Requests under way end when what they rest on does:
///
/// - a key that is revoked, rotated away without an overlap or expired; a key that a reload takes out of the file: `unauthenticated`
/// - a tenant that is paused, stopped or bound to another region, whoever let the caller in; everybody's panic: that fault
/// - a store that is out of reach: they go on, to their own deadline
extension GatewayLoop {
    /// Why a request that must have come through the edge did not; `nil`: it did.
    package func edgeFault(_ evidence: EdgeEvidence) -> Fault? {
        tokens.edgeFault(evidence, now: unixSeconds)
    }

    /// What a connection's credential, a key or a token that is good now, is called in ``authenticate(_:)-(Credential)`` from now on.
    package func credential(_ bytes: UnsafeRawBufferPointer) -> Credential? {
        keyCredential(bytes) ?? tokens.digest(of: bytes).map { Credential($0) }
    }

    /// Hashes an API key; `nil` for one that no gateway can have issued.
    private func keyCredential(_ bytes: UnsafeRawBufferPointer) -> Credential? {
        guard APIKey.isWellFormed(bytes), let digest = credentialHash.hash(bytes).withUnsafeBytes({ CredentialDigest($0) }) else {
            return nil
        }
        return Credential(digest, previous: previousHash.flatMap { $0.hash(bytes).withUnsafeBytes { CredentialDigest($0) } })
    }

    package func authenticate(_ bytes: UnsafeRawBufferPointer) -> Recognition {
        if let refusal = refusalOfEverybody { return .refused(refusal) }
        switch tokens.decide(bytes, now: unixSeconds) {
        case .principal(let principal): return recognise(principal)
        case .refused(let fault): return .refused(fault)
        case .needsLookUp:
            guard let credential = keyCredential(bytes) else { return .refused(.unknownCredential) }
            return authenticateKey(credential)
        }
    }

    /// Whom a connection's credential stands for now. A token is found as long as it is remembered as verified.
    package func authenticate(_ credential: Credential) -> Recognition {
        if let refusal = refusalOfEverybody { return .refused(refusal) }
        if case .principal(let principal) = tokens.decide(remembered: credential.digest, now: unixSeconds) { return recognise(principal) }
        return authenticateKey(credential)
    }

    private var refusalOfEverybody: Fault? { isStopped ? .trafficStopped : awaitsStore ? .authorityUnavailable : nil }

    /// The file's keys first, then what the store said lately.
    private func authenticateKey(_ credential: Credential) -> Recognition {
        guard let principal = snapshot.keys.principal(credential) else { return authority.recognise(credential) }
        guard !principal.hasExpired(unixSeconds: unixSeconds) else { return .refused(.unknownCredential) }
        return recognise(principal)
    }

    /// A principal that the store did not give, of a tenant that the store may know.
    private func recognise(_ principal: Principal) -> Recognition {
        refusalOfTenant(principal).map { .refused($0) } ?? .known(principal)
    }

    /// Asks the store about a credential that is `unknown` here. The answer comes once, on this loop, within two seconds and within the caller's time.
    ///
    /// - Parameter timeout: the caller's; over: `deadline_exceeded`. `nil`: it said nothing.
    package func lookUp(
        _ credential: Credential, timeout: TimeAmount? = nil, completion: @escaping (Result<Principal, Fault>) -> Void
    ) {
        guard let timeout, timeout < KeyAuthority.lookUpTimeout else { return authority.lookUp(credential, completion: completion) }
        let wait = LookUpWait(completion)
        let timer = eventLoop.assumeIsolated().scheduleTask(in: timeout) { () -> Void in wait.end(.failure(.deadlinePassed(timeout))) }
        authority.lookUp(credential) { answer in
            timer.cancel()
            wait.end(answer)
        }
    }

    private var unixSeconds: Int64 { Int64(clamping: clock.unixMilliseconds() / 1_000) }

    /// What the store says of a tenant counts for the file's keys and for tokens too.
    private func refusalOfTenant(_ principal: Principal) -> Fault? {
        guard !configuredTenants.isEmpty, let tenant = configuredTenants[principal.tenant] else { return nil }
        return snapshot.keyRules.refusal(of: tenant)
    }

    // MARK: news

    /// Takes news from the store in: forgets what changed, and ends what rested on it.
    package func apply(_ update: AuthorityUpdate) {
        isStopped = update.isStopped
        if update.isWhole { awaitsStore = false }
        if let tenants = update.configuredTenants { configuredTenants = tenants }
        if let prices = update.prices { self.prices = prices }
        if let budgets = update.budgets { limits.update(budgets) }
        authority.apply(update)
        for exchange in Array(exchanges.values) {
            let principal = exchange.request.principal
            if isStopped {
                exchange.end(for: .trafficStopped)
            } else if case .store(let credential) = principal.authority {
                if update.concerns(principal) { unconfirmed.insert(credential) }
            } else if let refusal = refusalOfTenant(principal) {
                exchange.end(for: refusal)
            }
        }
        confirm()
    }

    /// Called every so often, whether or not there is news.
    package func storeHeard(isReachable: Bool, isStale: Bool) {
        authority.storeHeard(isReachable: isReachable, isStale: isStale)
        endExpired()
        confirm()
    }

    /// Ends the requests of credentials whose time is over, and of the file's keys that are no longer in it.
    func endExpired() {
        let now = unixSeconds
        for exchange in Array(exchanges.values) where exchange.request.principal.hasExpired(unixSeconds: now) {
            exchange.end(for: .unknownCredential)
        }
    }

    func endRemoved() {
        for exchange in Array(exchanges.values) {
            if case .file(let digest) = exchange.request.principal.authority, !snapshot.keys.contains(digest) {
                exchange.end(for: .unknownCredential)
            }
        }
    }

    /// Looks once more at what a request rests on as it starts: since its head came, news may have come too.
    package func checkAuthority(of principal: Principal) throws(Fault) {
        if isStopped { throw .trafficStopped }
        if case .store(let credential) = principal.authority {
            guard !authority.knows(credential) else { return }
            unconfirmed.insert(credential)
            confirm()
        } else if let refusal = refusalOfTenant(principal) {
            throw refusal
        }
    }

    /// Asks the store whether credentials of requests under way are still good, some at a time. What it does not answer is asked again at the next tick.
    private func confirm() {
        for credential in unconfirmed.prefix(max(0, Self.maxConfirmations - confirmations)) {
            unconfirmed.remove(credential)
            confirmations += 1
            lookUp(credential) { [weak self] answer in self?.confirmed(credential, answer) }
        }
    }

    private func confirmed(_ credential: Credential, _ answer: Result<Principal, Fault>) {
        confirmations -= 1
        if case .failure(let fault) = answer {
            guard fault.kind != .authorityUnavailable else {
                unconfirmed.insert(credential)
                return
            }
            for exchange in Array(exchanges.values) where exchange.request.principal.authority == .store(credential) {
                exchange.end(for: fault)
            }
        }
        confirm()
    }
}

/// Somebody who waits for the store's word and is told one thing, once.
private final class LookUpWait {
    private var completion: ((Result<Principal, Fault>) -> Void)?

    init(_ completion: @escaping (Result<Principal, Fault>) -> Void) { self.completion = completion }

    func end(_ answer: Result<Principal, Fault>) {
        let completion = completion
        self.completion = nil
        completion?(answer)
    }
}

extension AuthorityUpdate {
    fileprivate func concerns(_ principal: Principal) -> Bool {
        guard let changes else { return true }
        return changes.contains(.key(tenant: principal.tenant, id: principal.keyID)) || changes.contains(.tenant(principal.tenant))
    }
}
