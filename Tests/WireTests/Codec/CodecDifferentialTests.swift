import SeededRandomness
import SwiftProtobuf
import Testing
import Wire

/// This package's codec beside swift-protobuf's, on messages made from seeds.
@Suite("Codec: compared with swift-protobuf")
struct CodecDifferentialTests {
    /// What Protocol Buffers, or swift-protobuf, allow and the protocol does not.
    static let stricterRules: Set<DecodingFault.Rule> = [
        .overlongVarint, .varintOverflow, .invalidWireType, .wrongWireType, .repeatedField, .repeatedOneof, .valueOutOfRange,
    ]

    @Test("every message of the schema is compared")
    func catalogIsComplete() {
        #expect(Set(CataloguedMessage.all.map(\.name)) == Set(ProtoSchema.agentshield.messages.keys))
    }

    @Test("both read the same in a right message and write the same bytes for it", arguments: CataloguedMessage.all)
    func rightMessages(message: CataloguedMessage) throws {
        for seed in 0..<60 as Range<UInt64> {
            var generator = MessageGenerator(schema: .agentshield, random: SeededRandom(seed: seed))
            let bytes = TreeField.encode(generator.message(message.name))
            let ours = try message.readByUs(bytes).get()
            #expect(ours == (try message.readByThem(bytes)), "seed \(seed)")
            #expect(ours.encoded == bytes, "seed \(seed)")
        }
    }

    @Test("what a mutated message is accepted as, is what swift-protobuf reads; what is refused, is wrong or against a stricter rule")
    func mutatedMessages() throws {
        var accepted = 0
        var refused: [DecodingFault.Rule: Int] = [:]
        for message in CataloguedMessage.all {
            for seed in 0..<400 as Range<UInt64> {
                var generator = MessageGenerator(schema: .agentshield, random: SeededRandom(seed: seed << 32))
                let tree = generator.message(message.name)
                var mutator = MessageMutator(generator: generator)
                let bytes = mutator.mutated(tree, of: message.name)

                switch message.readByUs(bytes) {
                case .success(let ours):
                    accepted += 1
                    let theirs = try message.readByThem(bytes)
                    #expect(ours == theirs, "\(message.name), seed \(seed)")
                case .failure(let fault):
                    refused[fault.rule, default: 0] += 1
                    if !Self.stricterRules.contains(fault.rule) {
                        #expect(throws: (any Error).self, "\(message.name), seed \(seed): \(fault)") { try message.readByThem(bytes) }
                    }
                }
            }
        }
        // The mutations must reach every rule but the limit, which has a test of its own, and leave many messages right.
        #expect(accepted > 500)
        for rule in DecodingFault.Rule.allCases where rule != .tooManyElements {
            #expect(refused[rule, default: 0] > 20, "\(rule)")
        }
    }
}
