/// SHA-256 (FIPS 180-4) of one block, for the checksums of addresses: the engine depends on no library. Not for keys.
enum SHA256 {
    /// The first four bytes of the digest of a message's digest, the first one leading. The message is shorter than 56 bytes.
    static func startOfDoubleDigest(_ message: UnsafePointer<UInt8>, count: Int) -> UInt32 {
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 16) { memory in
            guard let words = memory.baseAddress else { return 0 }
            words.initialize(repeating: 0, count: 16)
            for index in 0..<count { words[index >> 2] |= UInt32(message[index]) &<< UInt32(24 &- (index & 3) &* 8) }
            end(words, count)
            let digest = compress(words)
            words.update(repeating: 0, count: 16)
            for index in 0..<8 { words[index] = digest[index] }
            end(words, 32)
            return compress(words)[0]
        }
    }

    /// What stands behind the `count` bytes of a message.
    private static func end(_ words: UnsafeMutablePointer<UInt32>, _ count: Int) {
        words[count >> 2] |= 0x80 << UInt32(24 - count % 4 * 8)
        words[15] = UInt32(truncatingIfNeeded: count * 8)
    }

    /// The digest of one block, whose words are used up.
    private static func compress(_ words: UnsafeMutablePointer<UInt32>) -> SIMD8<UInt32> {
        constants.withUnsafeBufferPointer { constants in
            var (a, b, c, d) = (initial[0], initial[1], initial[2], initial[3])
            var (e, f, g, h) = (initial[4], initial[5], initial[6], initial[7])
            // Eight rounds at a time, after which each word is in its place again.
            for index in stride(from: 0, to: 64, by: 8) {
                if index >= 16 { extend(words, index & 8) }
                let words = words + (index & 8)
                round(a, b, c, &d, e, f, g, &h, constants[index] &+ words[0])
                round(h, a, b, &c, d, e, f, &g, constants[index &+ 1] &+ words[1])
                round(g, h, a, &b, c, d, e, &f, constants[index &+ 2] &+ words[2])
                round(f, g, h, &a, b, c, d, &e, constants[index &+ 3] &+ words[3])
                round(e, f, g, &h, a, b, c, &d, constants[index &+ 4] &+ words[4])
                round(d, e, f, &g, h, a, b, &c, constants[index &+ 5] &+ words[5])
                round(c, d, e, &f, g, h, a, &b, constants[index &+ 6] &+ words[6])
                round(b, c, d, &e, f, g, h, &a, constants[index &+ 7] &+ words[7])
            }
            return initial &+ SIMD8(a, b, c, d, e, f, g, h)
        }
    }

    /// Puts the next eight words of the schedule into the place of those sixteen before.
    @inline(__always)
    private static func extend(_ words: UnsafeMutablePointer<UInt32>, _ first: Int) {
        for place in first..<first + 8 {
            let (early, late) = (words[(place &+ 1) & 15], words[(place &+ 14) & 15])
            let low = rotate(early, 7) ^ rotate(early, 18) ^ early &>> 3
            let high = rotate(late, 17) ^ rotate(late, 19) ^ late &>> 10
            words[place] = words[place] &+ low &+ words[(place &+ 9) & 15] &+ high
        }
    }

    @inline(__always)
    private static func round(
        _ a: UInt32, _ b: UInt32, _ c: UInt32, _ d: inout UInt32, _ e: UInt32, _ f: UInt32, _ g: UInt32, _ h: inout UInt32, _ word: UInt32
    ) {
        let first = h &+ (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) &+ (g ^ e & (f ^ g)) &+ word
        d &+= first
        h = first &+ (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) &+ (a & b | c & (a | b))
    }

    @inline(__always)
    private static func rotate(_ value: UInt32, _ bits: UInt32) -> UInt32 {
        value &>> bits | value &<< (32 &- bits)
    }

    private static let initial = SIMD8<UInt32>(
        0x6A09_E667, 0xBB67_AE85, 0x3C6E_F372, 0xA54F_F53A, 0x510E_527F, 0x9B05_688C, 0x1F83_D9AB, 0x5BE0_CD19)

    private static let constants: [UInt32] = [
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
        0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
        0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
        0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
        0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
        0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
    ]
}

/// Keccak-256 as Ethereum uses it (the padding from before FIPS 202), for messages of less than one block (136 bytes).
enum Keccak256 {
    static let size = 32

    /// Writes the ``size`` bytes of the digest.
    static func digest(_ message: UnsafePointer<UInt8>, count: Int, into digest: UnsafeMutablePointer<UInt8>) {
        withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 25) { memory in
            guard let state = memory.baseAddress else { return }
            state.initialize(repeating: 0, count: 25)
            for index in 0..<count { state[index >> 3] |= UInt64(message[index]) &<< (UInt64(index & 7) &* 8) }
            state[count >> 3] ^= 1 << UInt64(count % 8 * 8)
            state[16] ^= 0x80 << 56
            constants.withUnsafeBufferPointer { permute(state, $0) }
            for index in 0..<size { digest[index] = UInt8(truncatingIfNeeded: state[index >> 3] &>> (UInt64(index & 7) &* 8)) }
        }
    }

    private static func permute(_ state: UnsafeMutablePointer<UInt64>, _ constants: UnsafeBufferPointer<UInt64>) {
        for constant in constants {
            let (a, b, c, d, e) = (column(0, state), column(1, state), column(2, state), column(3, state), column(4, state))
            for row in stride(from: 0, to: 25, by: 5) {
                state[row] ^= e ^ rotate(b, 1)
                state[row &+ 1] ^= a ^ rotate(c, 1)
                state[row &+ 2] ^= b ^ rotate(d, 1)
                state[row &+ 3] ^= c ^ rotate(e, 1)
                state[row &+ 4] ^= d ^ rotate(a, 1)
            }
            move(state)
            for row in stride(from: 0, to: 25, by: 5) {
                let (a, b, c, d, e) = (state[row], state[row &+ 1], state[row &+ 2], state[row &+ 3], state[row &+ 4])
                state[row] = a ^ ~b & c
                state[row &+ 1] = b ^ ~c & d
                state[row &+ 2] = c ^ ~d & e
                state[row &+ 3] = d ^ ~e & a
                state[row &+ 4] = e ^ ~a & b
            }
            state[0] ^= constant
        }
    }

    @inline(__always)
    private static func column(_ x: Int, _ state: UnsafeMutablePointer<UInt64>) -> UInt64 {
        state[x] ^ state[x &+ 5] ^ state[x &+ 10] ^ state[x &+ 15] ^ state[x &+ 20]
    }

    /// Where each word goes, and by how much it is turned, from word 1 on (FIPS 202, 3.2.2 and 3.2.3).
    @inline(__always)
    private static func move(_ state: UnsafeMutablePointer<UInt64>) {
        var moved = state[1]
        @inline(__always) func move(to place: Int, _ bits: UInt64) {
            let next = state[place]
            state[place] = rotate(moved, bits)
            moved = next
        }
        move(to: 10, 1)
        move(to: 7, 3)
        move(to: 11, 6)
        move(to: 17, 10)
        move(to: 18, 15)
        move(to: 3, 21)
        move(to: 5, 28)
        move(to: 16, 36)
        move(to: 8, 45)
        move(to: 21, 55)
        move(to: 24, 2)
        move(to: 4, 14)
        move(to: 15, 27)
        move(to: 23, 41)
        move(to: 19, 56)
        move(to: 13, 8)
        move(to: 12, 25)
        move(to: 2, 43)
        move(to: 20, 62)
        move(to: 14, 18)
        move(to: 22, 39)
        move(to: 9, 61)
        move(to: 6, 20)
        move(to: 1, 44)
    }

    @inline(__always)
    private static func rotate(_ value: UInt64, _ bits: UInt64) -> UInt64 {
        value &<< bits | value &>> (64 &- bits)
    }

    private static let constants: [UInt64] = [
        0x0000_0000_0000_0001, 0x0000_0000_0000_8082, 0x8000_0000_0000_808A, 0x8000_0000_8000_8000, 0x0000_0000_0000_808B,
        0x0000_0000_8000_0001, 0x8000_0000_8000_8081, 0x8000_0000_0000_8009, 0x0000_0000_0000_008A, 0x0000_0000_0000_0088,
        0x0000_0000_8000_8009, 0x0000_0000_8000_000A, 0x0000_0000_8000_808B, 0x8000_0000_0000_008B, 0x8000_0000_0000_8089,
        0x8000_0000_0000_8003, 0x8000_0000_0000_8002, 0x8000_0000_0000_0080, 0x0000_0000_0000_800A, 0x8000_0000_8000_000A,
        0x8000_0000_8000_8081, 0x8000_0000_0000_8080, 0x0000_0000_8000_0001, 0x8000_0000_8000_8008,
    ]
}
