import ArgumentParser
import GatewayConfiguration

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Runs the gateway until SIGTERM or SIGINT. SIGHUP reads the configuration anew.")

    @Option(name: .long, help: "The configuration file (YAML). See docs/configuration.md.")
    var config: String

    @OptionGroup var models: ModelOptions

    func run() async throws {
        let source = ConfigurationSource.file(config)
        let configuration = try source.load().orExit()
        try await GatewayRunner(source: source, configuration: configuration, models: models.load(), announcement: nil).run()
    }
}

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Says whether `serve` would accept a configuration file, and if not, why and how to mend it.")

    @Option(name: .long, help: "The configuration file (YAML).")
    var config: String

    @OptionGroup var models: ModelOptions

    func run() throws {
        let configuration = try ConfigurationSource.file(config).load().orExit()
        _ = try SnapshotBuilder(configuration, models.load()).snapshot().orExit()
        _ = try RedisDeployment.state(of: configuration).orExit()
        _ = try RedisDeployment.cache(of: configuration).orExit()
        print(
            "\(config): good. \(configuration.models.count) models, \(configuration.providers.count) providers, \(configuration.auth.keys.count) keys."
        )
    }
}
