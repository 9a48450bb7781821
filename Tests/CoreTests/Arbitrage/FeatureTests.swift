import GatewayCore
import SeededRandomness
import Testing

@Suite("Arbitrage: features")
struct FeatureTests {
    private func features(_ text: String, _ shape: RequestShape = RequestShape()) -> FeatureVector {
        var extractor = FeatureExtractor(languages: .none)
        return extractor.features(of: text, shape: shape)
    }

    @Test("the named lanes say what a text asks for")
    func signals() {
        let code = features("```python\ndef f(x):\n    return [x, (x)]\n```")
        #expect(code[.code] > 0.9 && code[.structure] > 0.5 && code[.question] == 0)
        let mathematics = features("What is 12 * (7 + 3) / 5 = ?")
        #expect(mathematics[.mathematics] == 1 && mathematics[.question] == 1 && mathematics[.questions] == 0.25)
        #expect(features("Translate this into French, please")[.translation] == 1)
        #expect(features("TRANSLATE")[.translation] == 1 && features("translated")[.translation] == 0)
        #expect(features("Write a poem")[.creative] == 1)
        #expect(features("Extract all names")[.extraction] == 1)
        let plain = features("good morning")
        #expect(plain[.bias] == 1 && plain[.code] == 0 && plain[.mathematics] == 0 && plain[.conversation] == 0)
        #expect(features("hello", RequestShape(turns: 8, tools: 8))[.conversation] == 1)
        #expect(features(String(repeating: "word ", count: 1000))[.length] > plain[.length])
    }

    @Test("the numbers of a text are those of version 2, on every machine")
    func golden() {
        #expect(FeatureVector.version == 2 && FeatureVector.firstProjected == 15)
        let text = "How many houses are there? List them: 1, 2 and 3.\nÀ bientôt."
        let expected: [Float] = [
            1.0, 0.40625, 0.05, 1.0, 0.25, 0.0, 0.38709676, 0.0, 1.0, 0.0, 0.0,
            0.0, 0.0, 0.06451613, 0.0, 2.067148, 0.105013795, -0.53462595, 1.0908593, -0.4696819, 0.67970955, -0.35746548, 0.62837976,
            -1.5204713,
            0.6468421, 1.3802358, -0.7590585, -1.4739898, -1.2215378, 0.10501363, -0.007202588, 1.2824243,
        ]
        let lanes = features(text).lanes
        for lane in 0..<FeatureVector.dimension { #expect(abs(lanes[lane] - expected[lane]) < 1e-5, "lane \(lane)") }
    }

    @Test("a text is read the same whatever was read before, and however it is stored")
    func independent() {
        var extractor = FeatureExtractor(languages: .none)
        let first = extractor.features(of: "alpha beta gamma")
        _ = extractor.features(of: "something else entirely, 1 + 1?")
        let again = extractor.features(of: "alpha beta gamma")
        let part = extractor.features(of: "alpha beta gamma delta".dropLast(6))
        let turned = extractor.features(of: "gamma beta alpha")
        #expect(again == first && part == first && turned != first)
    }

    @Test("hostile text has features within their bound")
    func hostile() {
        var extractor = FeatureExtractor(languages: .none)
        var random = SeededRandom(seed: 8)
        var texts: [[UInt8]] = [
            [], [0], Array(repeating: 0xFF, count: 100_000), Array(repeating: UInt8(ascii: "?"), count: 50_000),
            Array(repeating: UInt8(ascii: "a"), count: 2 * FeatureExtractor.mostBytes + 1), Array("{{{{[[[[((((".utf8), [0xC3],
            [0xED, 0xA0, 0x80],
        ]
        for count in [1, 3, 4, 5, FeatureExtractor.mostBytes - 1, FeatureExtractor.mostBytes, FeatureExtractor.mostBytes + 1] {
            texts.append((0..<count).map { _ in UInt8.random(in: 0...255, using: &random) })
        }
        for text in texts {
            let lanes = text.withUnsafeBytes { extractor.features(of: $0, shape: RequestShape(turns: .max, tools: .max)) }.lanes
            for lane in 0..<FeatureVector.dimension {
                #expect(abs(lanes[lane]) <= FeatureVector.bound)
            }
        }
        #expect(FeatureVector(SIMD32(repeating: .nan)).lanes == SIMD32(repeating: 0))
        #expect(FeatureVector(SIMD32(repeating: .infinity)).lanes == SIMD32(repeating: FeatureVector.bound))
    }
}
