internal import CPrefilter

/// How the prefilter classifies bytes. All of them find the same.
public enum InstructionSet: CaseIterable, Sendable {
    case portable, sse2, avx2, avx512, neon

    /// The fastest one that this machine has.
    public static var best: InstructionSet {
        switch agentshield_best_instruction_set() {
        case AGENTSHIELD_SSE2: .sse2
        case AGENTSHIELD_AVX2: .avx2
        case AGENTSHIELD_AVX512: .avx512
        case AGENTSHIELD_NEON: .neon
        default: .portable
        }
    }

    /// This machine has it.
    public var isAvailable: Bool {
        agentshield_has_instruction_set(set) != 0
    }

    /// What the prefilter finds in a range of `text`, a tile at most; how many triggers it wrote.
    @inline(__always)
    func findTriggers(_ text: Text, _ range: Range<Int>, goesOn: Bool, into triggers: UnsafeMutableBufferPointer<agentshield_trigger>)
        -> Int
    {
        agentshield_find_triggers(set, text.base, text.count, range.lowerBound, range.upperBound, goesOn, triggers.baseAddress)
    }

    /// Where context words may start in a range of `text`, 64 bytes at most: a bit for each byte, the first one lowest.
    @inline(__always)
    func findWords(_ text: Text, _ range: Range<Int>, beginnings: UnsafePointer<UInt32>) -> UInt64 {
        agentshield_find_words(set, text.base, text.count, range.lowerBound, range.upperBound, beginnings)
    }

    var set: agentshield_instruction_set {
        switch self {
        case .portable: AGENTSHIELD_PORTABLE
        case .sse2: AGENTSHIELD_SSE2
        case .avx2: AGENTSHIELD_AVX2
        case .avx512: AGENTSHIELD_AVX512
        case .neon: AGENTSHIELD_NEON
        }
    }
}
