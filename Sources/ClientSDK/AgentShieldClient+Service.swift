public import ServiceLifecycle

extension AgentShieldClient: Service {
    /// Runs until the service group shuts down, then finishes the calls that are open; when cancelled, ends them at once.
    ///
    /// Services that use the client must stand after it in their group, so that they end first.
    public func run() async throws {
        do {
            try await gracefulShutdown()
        } catch {
            await shutdown(within: .zero)
            throw error
        }
        await shutdown()
    }
}
