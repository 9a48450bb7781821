import ArgumentParser
import PostgresStore

struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate", abstract: "Brings the schema of the PostgreSQL database up to this version's.",
        discussion: """
            Reads where the database is from DATABASE_URL, or from the file that DATABASE_URL_FILE names. Any number of these may run at a \
            time. Ends with 0 when the schema is up to date (with --dry-run: when it could be looked at), 65 when a migration was refused, \
            69 when the database cannot be reached, 75 when it did not answer in time, 77 when it denies access, 78 when the location is \
            missing or malformed.
            """)

    @Flag(name: .long, help: "Only list what would be applied.")
    var dryRun = false

    @Option(name: .long, help: "Seconds for each migration, with the waits for the server and for others who migrate: 1 to 86400.")
    var timeout = 60

    func validate() throws {
        guard (1...86_400).contains(timeout) else { throw ValidationError("--timeout takes 1 to 86400 seconds") }
    }

    func run() async throws {
        try await DatabaseSchema.with(command: "migrate") { schema in
            if dryRun {
                let pending = try await schema.pending(timeout: .seconds(timeout))
                pending.forEach { print("would apply \($0.name)") }
                print("\(schema.location): \(pending.count) to apply")
            } else {
                let count = try await schema.migrate(timeout: .seconds(timeout)) { print("applied \($0.name)") }
                print("\(schema.location): up to date, \(count) applied")
            }
        }
    }
}
