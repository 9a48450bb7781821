/// SHA-256 (FIPS 180-4) of one block, for the checksums of addresses: the engine depends on no library. Not for keys.
enum SHA256 {
    static let size = 32

    /// Writes the ``size`` bytes of the digest. The message is shorter than 56 bytes, and may be where the digest is written.
    static func digest(_ message: UnsafePointer<UInt8>, count: Int, into digest: UnsafeMutablePointer<UInt8>) {
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 64) { words in
            for index in words.indices { words[index] = 0 }
            for index in 0..<count { words[index >> 2] |= UInt32(message[index]) << UInt32(24 - index % 4 * 8) }
            words[count >> 2] |= 0x80 << UInt32(24 - count % 4 * 8)
            words[15] = UInt32(truncatingIfNeeded: count * 8)
            for index in 16..<64 {
                let low = rotate(words[index &- 15], 7) ^ rotate(words[index &- 15], 18) ^ words[index &- 15] >> 3
                let high = rotate(words[index &- 2], 17) ^ rotate(words[index &- 2], 19) ^ words[index &- 2] >> 10
                words[index] = words[index &- 16] &+ low &+ words[index &- 7] &+ high
            }
            let state = compress(initial, words)
            for index in 0..<size { digest[index] = UInt8(truncatingIfNeeded: state[index >> 2] >> UInt32(24 - index % 4 * 8)) }
        }
    }

    private static func compress(_ state: SIMD8<UInt32>, _ words: UnsafeMutableBufferPointer<UInt32>) -> SIMD8<UInt32> {
        var (a, b, c, d, e, f, g, h) = (state[0], state[1], state[2], state[3], state[4], state[5], state[6], state[7])
        for index in 0..<64 {
            let first = h &+ (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) &+ (e & f ^ ~e & g) &+ constants[index] &+ words[index]
            let second = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) &+ (a & b ^ a & c ^ b & c)
            (h, g, f, e, d, c, b, a) = (g, f, e, d &+ first, c, b, a, first &+ second)
        }
        return state &+ SIMD8(a, b, c, d, e, f, g, h)
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
        withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 30) { memory in
            guard let state = memory.baseAddress else { return }
            for index in 0..<25 { state[index] = 0 }
            for index in 0..<count { state[index >> 3] |= UInt64(message[index]) << UInt64(index % 8 * 8) }
            state[count >> 3] ^= 1 << UInt64(count % 8 * 8)
            state[16] ^= 0x80 << 56
            permute(state, columns: state + 25)
            for index in 0..<size { digest[index] = UInt8(truncatingIfNeeded: state[index >> 3] >> UInt64(index % 8 * 8)) }
        }
    }

    /// `columns` has room for five words.
    private static func permute(_ state: UnsafeMutablePointer<UInt64>, columns: UnsafeMutablePointer<UInt64>) {
        for round in 0..<24 {
            for x in 0..<5 { columns[x] = state[x] ^ state[x &+ 5] ^ state[x &+ 10] ^ state[x &+ 15] ^ state[x &+ 20] }
            for x in 0..<5 {
                let parity = columns[x == 0 ? 4 : x &- 1] ^ rotate(columns[x == 4 ? 0 : x &+ 1], 1)
                for y in stride(from: 0, to: 25, by: 5) { state[y &+ x] ^= parity }
            }
            var moved = state[1]
            for step in 0..<24 {
                let place = Int(places[step])
                let next = state[place]
                state[place] = rotate(moved, rotations[step])
                moved = next
            }
            for row in stride(from: 0, to: 25, by: 5) {
                for x in 0..<5 { columns[x] = state[row &+ x] }
                for x in 0..<5 { state[row &+ x] = columns[x] ^ ~columns[x == 4 ? 0 : x &+ 1] & columns[x >= 3 ? x &- 3 : x &+ 2] }
            }
            state[0] ^= constants[round]
        }
    }

    @inline(__always)
    private static func rotate(_ value: UInt64, _ bits: UInt64) -> UInt64 {
        value &<< bits | value &>> (64 &- bits)
    }

    /// Where each word goes, and by how much it is turned, from word 1 on (FIPS 202, 3.2.2 and 3.2.3).
    private static let places: [UInt8] = [
        10, 7, 11, 17, 18, 3, 5, 16, 8, 21, 24, 4, 15, 23, 19, 13, 12, 2, 20, 14, 22, 9, 6, 1,
    ]
    private static let rotations: [UInt64] = [
        1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 2, 14, 27, 41, 56, 8, 25, 43, 62, 18, 39, 61, 20, 44,
    ]
    private static let constants: [UInt64] = [
        0x0000_0000_0000_0001, 0x0000_0000_0000_8082, 0x8000_0000_0000_808A, 0x8000_0000_8000_8000, 0x0000_0000_0000_808B,
        0x0000_0000_8000_0001, 0x8000_0000_8000_8081, 0x8000_0000_0000_8009, 0x0000_0000_0000_008A, 0x0000_0000_0000_0088,
        0x0000_0000_8000_8009, 0x0000_0000_8000_000A, 0x0000_0000_8000_808B, 0x8000_0000_0000_008B, 0x8000_0000_0000_8089,
        0x8000_0000_0000_8003, 0x8000_0000_0000_8002, 0x8000_0000_0000_0080, 0x0000_0000_0000_800A, 0x8000_0000_8000_000A,
        0x8000_0000_8000_8081, 0x8000_0000_0000_8080, 0x0000_0000_8000_0001, 0x8000_0000_8000_8008,
    ]
}
