import Foundation
import GatewayJSON
import NIOCore
import SeededRandomness
import Testing

@Suite("Writing JSON")
struct WriterTests {
    private func written(_ body: (inout JSONWriter) -> Void) -> String {
        var json = JSONWriter()
        body(&json)
        return String(buffer: json.buffer)
    }

    @Test("commas stand where they must")
    func commas() {
        let text = written { json in
            json.object { json in
                json.member("a", "x")
                json.key("b")
                json.array { json in
                    json.int(1)
                    json.array { _ in }
                    json.object { _ in }
                    json.null()
                    json.raw(ByteBuffer(string: #"{"r":0}"#))
                    json.bool(true)
                }
                json.key("c")
                json.object { $0.member("d", false) }
                json.key(named: "\"\n")
                json.double(0.5)
                json.member("e", orNull: nil)
                json.member("f", orNull: "y")
                json.memberNull("g")
                json.member("h", 1.5)
            }
        }
        #expect(text == #"{"a":"x","b":[1,[],{},null,{"r":0},true],"c":{"d":false},"\"\n":0.5,"e":null,"f":"y","g":null,"h":1.5}"#)
    }

    @Test("a cleared writer starts anew")
    func clear() {
        var json = JSONWriter()
        json.int(1)
        json.clear()
        json.int(2)
        #expect(String(buffer: json.buffer) == "2")
    }

    @Test("numbers read back as they were")
    func numbers() throws {
        let integers: [Int64] = [0, 1, -1, 9, 10, -10, .max, .min, 1_234_567_890]
        for value in integers {
            #expect(written { $0.int(value) } == String(value))
        }
        var random = SeededRandom(seed: 7)
        let special = [0, -0.0, 1, 0.1, 1e16, 1e-5, .leastNonzeroMagnitude, .greatestFiniteMagnitude]
        for value in special + (0..<2000).map({ _ in Double(bitPattern: random.next()) }) where value.isFinite {
            try read(written { $0.double(value) }) { #expect($0.double?.bitPattern == value.bitPattern) }
        }
        for value in [Double.infinity, -.infinity, .nan] {
            #expect(written { $0.double(value) } == "null")
        }
    }

    @Test("every character of strings reads back, and what is not UTF-8 becomes U+FFFD")
    func strings() throws {
        var everything = String.UnicodeScalarView()
        for value in UInt32(0)..<0x3000 { Unicode.Scalar(value).map { everything.append($0) } }
        for value in stride(from: UInt32(0x3000), through: 0x10FFFF, by: 37) { Unicode.Scalar(value).map { everything.append($0) } }
        let text = String(everything)
        try read(written { $0.string(text) }) { #expect($0.string?.unicodeScalars.elementsEqual(everything) == true) }

        var random = SeededRandom(seed: 11)
        for _ in 0..<2000 {
            let bytes = (0..<random.below(24)).map { _ in random.textByte() }
            let json = bytes.withUnsafeBytes { bytes in written { $0.string(bytes) } }
            try read(json) { root throws in
                let text = try #require(root.string)
                if let valid = String(validating: bytes, as: UTF8.self) {
                    #expect(text == valid)
                } else {
                    #expect(text.contains("\u{FFFD}"))
                }
            }
        }
    }
}
