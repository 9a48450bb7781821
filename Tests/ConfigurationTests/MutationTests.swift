import SeededRandomness
import Testing

@testable import GatewayConfiguration

/// A file that is being written while it is reloaded must be refused, not bring the gateway down.
@Suite("Damaged files")
struct MutationTests {
    private func outcome(_ bytes: [UInt8]) -> Result<Configuration, ConfigurationFaults> {
        ConfigurationLoader.load(
            path: "/etc/agentshield/gateway.yaml", bytes: bytes, vault: Fixture.vault(CompleteFile.environment, CompleteFile.files))
    }

    private func check(_ bytes: [UInt8], _ what: String) {
        guard case .failure(let faults) = outcome(bytes) else { return }
        #expect(!faults.faults.isEmpty, "\(what)")
        #expect(faults.faults.allSatisfy { $0.line >= 1 && $0.column >= 1 && !$0.problem.isEmpty && !$0.remedy.isEmpty }, "\(what)")
    }

    @Test("a file cut anywhere is refused or whole, never a crash")
    func truncation() {
        let bytes = Array(CompleteFile.yaml.utf8)
        for count in stride(from: 0, to: bytes.count, by: 7) { check(Array(bytes[..<count]), "first \(count) bytes") }
        #expect(throws: ConfigurationFaults.self) { try outcome(Array(bytes[..<(bytes.count / 2)])).get() }
    }

    @Test("a file with bytes changed, added or left out is refused or whole, never a crash", arguments: 0..<8)
    func mutation(seed: Int) {
        var numbers = SeededRandom(seed: UInt64(seed))
        let original = Array(CompleteFile.yaml.utf8)
        let telling = Array(":{}[]#&*!|>'\"%@`,-? \n\t\0\u{FF}~x0".utf8)
        for round in 0..<60 {
            var bytes = original
            for _ in 0...Int.random(in: 0..<4, using: &numbers) {
                let position = Int.random(in: 0..<bytes.count, using: &numbers)
                switch Int.random(in: 0..<3, using: &numbers) {
                case 0: bytes[position] = telling.randomElement(using: &numbers) ?? 0
                case 1: bytes.insert(telling.randomElement(using: &numbers) ?? 0, at: position)
                default: bytes.removeSubrange(position..<min(bytes.count, position + Int.random(in: 1..<40, using: &numbers)))
                }
            }
            check(bytes, "seed \(seed), round \(round)")
        }
    }

    @Test("deep nesting is refused without exhausting the stack", arguments: ["[", "{a: ", "- ", "? "])
    func nesting(_ opening: String) {
        let faults = Fixture.faults("log: " + String(repeating: opening, count: 100_000))
        #expect(!faults.isEmpty)
    }
}
