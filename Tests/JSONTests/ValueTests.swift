import GatewayJSON
import NIOCore
import Testing

/// Scans `document`, which must be valid, and reads it.
func read<Result>(_ document: String, _ body: (JSONValue) throws -> Result) throws -> Result {
    var index = JSONIndex()
    let bytes = ByteBuffer(string: document)
    try index.scan(bytes)
    return try index.read(bytes, body)
}

@Suite("Reading an indexed document")
struct ValueTests {
    @Test("kinds, booleans and ranges")
    func kinds() throws {
        try read(#" {"a":[true,false,null,-1.5,"x"]} "#) { root throws in
            #expect(root.kind == .object && root.range == 1..<33)
            let array = try #require(try root.member("a"))
            #expect(array.elements.map(\.kind) == [.boolean, .boolean, .null, .number, .string])
            #expect(array.elements.map(\.bool) == [true, false, nil, nil, nil])
            #expect(array.elements.map(\.range) == [7..<11, 12..<17, 18..<22, 23..<27, 28..<31])
            #expect(array.elements.map(\.contentRange) == [nil, nil, nil, nil, 29..<30])
            #expect(array.elements.map { String(decoding: $0.rawBytes, as: UTF8.self) } == ["true", "false", "null", "-1.5", "\"x\""])
        }
    }

    @Test("a key is found however it is written")
    func escapedKeys() throws {
        let document = #"{"x":{"content":"no"},"\u0063ontent":"yes","a\"b":1,"\ud83d\ude00":2,"":3}"#
        try read(document) { root throws in
            #expect(try root.member("content")?.string == "yes")
            #expect(try root.member(named: "content")?.string == "yes")
            #expect(try root.member("a\"b")?.int == 1)
            #expect(try root.member(named: "😀")?.int == 2)
            #expect(try root.member("")?.int == 3)
            #expect(try root.member("contents") == nil)
            #expect(try root.member("conten") == nil)
            #expect(try root.member("😀x") == nil)
        }
    }

    @Test(
        "a key that stands twice is a fault, however it is written",
        arguments: [#"{"model":1,"model":2}"#, #"{"model":1,"b":0,"\u006dodel":2}"#, #"{"\u006Dodel":1,"mo\u0064el":2}"#])
    func duplicateKeys(document: String) throws {
        try read(document) { root throws in
            let second = try #require(root.firstDuplicateKey()).range.lowerBound
            #expect(throws: JSONFault(.duplicateKey, at: second)) { try root.member("model") }
            #expect(throws: JSONFault(.duplicateKey, at: second)) { try root.member(named: "model") }
            #expect(try root.member("other") == nil)
        }
    }

    @Test("duplicates are found in objects of any size, the first of them", arguments: [2, 16, 17, 18, 1000])
    func duplicatesInLargeObjects(members: Int) throws {
        let unique = (0..<members).map { "\"key\($0)\":{\"key0\":\($0)}" }
        try read("{" + unique.joined(separator: ",") + "}") { #expect($0.firstDuplicateKey() == nil) }
        let repeated = unique + [#""\u006bey1":0"#, #""key0":0"#]
        try read("{" + repeated.joined(separator: ",") + "}") { root throws in
            #expect(root.firstDuplicateKey()?.range.lowerBound == unique.joined(separator: ",").utf8.count + 2)
        }
    }

    @Test("members and elements of anything else are none")
    func nothingInside() throws {
        for document in ["[]", "{}", "1", "\"a\"", "null", "true"] {
            try read(document) { root throws in
                #expect(Array(root.members).isEmpty && Array(root.elements).isEmpty)
                #expect(try root.member("a") == nil)
                #expect(root.isEmpty == (root.isArray || root.isObject))
            }
        }
    }

    @Test("text is decoded into bytes, a buffer, a String, or not copied at all")
    func decoding() throws {
        let cases: [(String, String)] = [
            (#""""#, ""), (#""plain é€😀""#, "plain é€😀"), (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"),
            (#""a\u0000b\u007f\u0080\u07ff\u0800\uffff""#, "a\0b\u{7F}\u{80}\u{7FF}\u{800}\u{FFFF}"),
            (#""\ud800\udc00\udbff\udfffz""#, "\u{10000}\u{10FFFF}z"), (#""\\u0041""#, "\\u0041"),
        ]
        for (document, text) in cases {
            try read(document) { root throws in
                #expect(root.string == text)
                #expect(root.equals(text) && !root.equals(text + "x") && !root.equals("x" + text))
                var bytes: [UInt8] = [1]
                #expect(root.decodeString(into: &bytes))
                #expect(bytes == [1] + Array(text.utf8))
                var buffer = ByteBuffer(bytes: [1])
                #expect(root.decodeString(into: &buffer))
                #expect(buffer == ByteBuffer(bytes: [1] + Array(text.utf8)))
                #expect(root.withDecodedString(scratch: &bytes) { Array($0) } == Array(text.utf8))
                #expect(root.maxDecodedLength >= text.utf8.count)
            }
        }
    }

    @Test("what is no text has none")
    func noText() throws {
        try read("12") { root throws in
            var bytes: [UInt8] = []
            var buffer = ByteBuffer()
            #expect(root.string == nil && !root.equals("12") && root.contentRange == nil && root.maxDecodedLength == 0)
            #expect(!root.decodeString(into: &bytes) && !root.decodeString(into: &buffer))
            #expect(root.withDecodedString(scratch: &bytes) { _ in true } == nil)
        }
    }

    @Test("integers are exact or not integers")
    func integers() throws {
        let cases: [(String, Int64?)] = [
            ("0", 0), ("-0", 0), ("9223372036854775807", .max), ("-9223372036854775808", .min), ("9223372036854775808", nil),
            ("-9223372036854775809", nil), ("18446744073709551616", nil), ("100000000000000000000", nil), ("1.0", nil), ("1e3", nil),
            ("\"1\"", nil),
        ]
        for (document, value) in cases {
            try read(document) { #expect($0.int == value, "\(document)") }
        }
    }

    @Test("doubles are correctly rounded, hard cases included")
    func doubles() throws {
        let halfway = "9007199254740993"
        let cases: [(String, Double)] = [
            ("0", 0), ("1", 1), ("-1.5", -1.5), ("0.1", 0.1), ("1e22", 1e22), ("1e23", 1e23),
            ("123456789012345678", 123_456_789_012_345_680),
            ("1.7976931348623157e308", .greatestFiniteMagnitude), ("1.7976931348623158079e308", .greatestFiniteMagnitude),
            ("5e-324", .leastNonzeroMagnitude), ("2.4703282292062327e-324", 0), ("2.4703282292062328e-324", .leastNonzeroMagnitude),
            ("1e-400", 0), ("0e400", 0),
            ("2.2250738585072011e-308", .leastNormalMagnitude.nextDown), ("0.000000000000000000000000000000000000000001e42", 1),
            (halfway, 9_007_199_254_740_992), (halfway + "." + String(repeating: "0", count: 900), 9_007_199_254_740_992),
            (halfway + "." + String(repeating: "0", count: 900) + "1", 9_007_199_254_740_994),
            ("1" + String(repeating: "0", count: 308), 1e308), ("0." + String(repeating: "0", count: 5000) + "1e5001", 1),
            (String(repeating: "9", count: 300) + "e-299", 10), ("1" + String(repeating: "0", count: 2000) + "e-2000", 1),
        ]
        for (document, value) in cases {
            try read(document) { #expect($0.double == value, "\(document.prefix(40))") }
        }
        try read("-0") { #expect($0.double?.sign == .minus) }
        try read("\"1\"") { #expect($0.double == nil) }
    }

    @Test("leaves come in document order, keys and long numbers among them")
    func leaves() throws {
        let document = #"{"a":["x",{"b":12345678}],"c":1234567,"d":-1.2345678e3,"e":{},"f":"\n"}"#
        try read(document) { root throws in
            let leaves = root.leaves.map { "\($0.kind) \(String(decoding: $0.rawBytes, as: UTF8.self))" }
            #expect(
                leaves == [
                    #"key "a""#, #"string "x""#, #"key "b""#, "number 12345678", #"key "c""#, #"key "d""#, "number -1.2345678e3",
                    #"key "e""#, #"key "f""#,
                    #"string "\n""#,
                ])
            #expect(try root.member("a")?.leaves.map(\.path) == ["a[0]", "a[1].b", "a[1].b"])
            #expect(try root.member("e")?.leaves.map(\.path) == [])
        }
    }

    @Test("a path names fields and hides keys that are no identifiers")
    func paths() throws {
        let document =
            #"{"messages":[{"content":"a"},{"content":[{"text":"b"}]}],"me@example.com":{"x":"c"},"\u0061b":"d","é":["e"],"":"f"}"#
        try read(document) { root throws in
            #expect(root.path == "")
            #expect(
                root.leaves.filter(\.isString).map(\.path) == [
                    "messages[0].content", "messages[1].content[0].text", "*.x", "ab", "*[0]", "*",
                ])
        }
        try read(#"[["a"],"b"]"#) { #expect($0.leaves.map(\.path) == ["[0][0]", "[1]"]) }
        try read(#""a""#) { #expect($0.leaves.map(\.path) == [""]) }
    }

    @Test("one index serves one document after another, and a refused one leaves nothing")
    func reuse() throws {
        var index = JSONIndex()
        let large = ByteBuffer(string: "[" + Array(repeating: "1", count: 40_000).joined(separator: ",") + "]")
        let small = ByteBuffer(string: #"{"a":1}"#)
        for _ in 0..<3 {
            try index.scan(large)
            #expect(index.nodeCount == 40_001)
            #expect(index.read(large) { root in root.elements.reduce(0) { $0 + ($1.int ?? 0) } } == 40_000)
            #expect(throws: JSONFault(.unexpectedEnd, at: 6)) { try index.scan(small.getSlice(at: 0, length: 6)!) }
            #expect(index.nodeCount == 0)
            try index.scan(small)
            #expect(try index.read(small) { try $0.member("a")?.int } == 1)
        }
    }
}
