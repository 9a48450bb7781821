import ArgumentParser
import GatewayConfiguration

struct HealthcheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "healthcheck",
        abstract: "Exits with 0 if the gateway of a configuration answers on its admin listener; for containers.")

    @Option(name: .long, help: "The configuration file of the running gateway.")
    var config: String

    func run() async throws {
        let configuration = try ConfigurationSource.file(config).load().orExit()
        guard let address = configuration.listen.admin else { throw ValidationError("the configuration has no admin listener to ask") }
        guard let answer = try? await AdminClient(address: address).get("/readyz") else {
            print("nothing answers on the admin listener")
            throw ExitCode.failure
        }
        print(answer.statusLine)
        guard answer.status == 200 else { throw ExitCode.failure }
    }
}
