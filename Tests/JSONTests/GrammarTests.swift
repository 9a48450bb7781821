import GatewayJSON
import NIOCore
import Testing

/// What one scan says of a document: nothing, or why not and where.
func fault(in document: [UInt8], limits: JSONLimits = JSONLimits()) -> JSONFault? {
    var index = JSONIndex()
    do throws(JSONFault) {
        try index.scan(ByteBuffer(bytes: document), limits: limits)
        return nil
    } catch {
        return error
    }
}

func fault(in document: String, limits: JSONLimits = JSONLimits()) -> JSONFault? {
    fault(in: Array(document.utf8), limits: limits)
}

@Suite("JSON grammar")
struct GrammarTests {
    static let valid: [String] = [
        "null", "true", "false", "0", "-0", "7", "-7", "1234567890123456789", "0.5", "-0.5", "1.0", "1e5", "1E5", "1e+5", "1e-5", "1.5e05",
        "0e0", "0e999999999999", "-0.0e-0", "1e308", "1.7976931348623157e308", "1e-400", "123456789e-400", "\"\"", "\"a\"",
        " \t\r\n null \t\r\n ",
        "[]", "[ ]", "{}", "{ }", "[1]", "[1,2]", "[ 1 , 2 ]", "[[]]", "[[],[]]", "[{}]", "[null,true,false]", "{\"a\":1}", "{ \"a\" : 1 }",
        "{\"a\":{}}", "{\"a\":[],\"b\":{}}", "{\"\":0}", "{\"a\":1,\"a\":2}", "[1,[2,[3,{\"a\":[4]}]]]", "{\"a\":{\"b\":{\"c\":[{}]}}}",
        #""\"\\\/\b\f\n\r\t""#, #""\u0000""#, #""\u0041\u00e9\u20AC""#, #""\ud83d\uDE00""#, #"{"\u0061":1}"#, "\"\u{7F}\"", "\"é€😀\"",
        "\"\u{10FFFF}\"", "\"\u{FFFD}\u{FDCF}\"", "\"\u{2028}\u{2029}\"", "\"\u{800}\u{FFF}\u{1000}\u{D7FF}\u{E000}\u{10000}\u{FFFFF}\"",
        "\"1234567\"", "\"12345678\"", "\"123456789012345\"", "\"1234567\\n\"", "{\"12345678\":\"é2345678\"}",
        "\"\u{FEFF}\"", "[\n        1,\n                    2\n]",
    ]

    @Test("what RFC 8259 allows is accepted", arguments: valid)
    func accepts(document: String) {
        #expect(fault(in: document) == nil)
    }

    static let invalid: [(String, JSONFault.Reason, Int)] = [
        ("", .unexpectedEnd, 0), ("  ", .unexpectedEnd, 2), ("[", .unexpectedEnd, 1), ("{", .unexpectedEnd, 1), ("[1", .unexpectedEnd, 2),
        ("[1,", .unexpectedEnd, 3), ("{\"a\"", .unexpectedEnd, 4), ("{\"a\":", .unexpectedEnd, 5), ("{\"a\":1", .unexpectedEnd, 6),
        ("{\"a\":1,", .unexpectedEnd, 7), ("\"", .unexpectedEnd, 1), ("\"abc", .unexpectedEnd, 4), ("\"abc\\", .unexpectedEnd, 5),
        ("\"\\u12", .unexpectedEnd, 5), ("tru", .unexpectedEnd, 3), ("-", .unexpectedEnd, 1), ("1.", .unexpectedEnd, 2),
        ("1e", .unexpectedEnd, 2),
        ("1e+", .unexpectedEnd, 3), ("[1,]", .unexpectedByte, 3), ("[,1]", .unexpectedByte, 1), ("[1 2]", .unexpectedByte, 3),
        ("[1,,2]", .unexpectedByte, 3), ("{,}", .unexpectedByte, 1), ("{\"a\":1,}", .unexpectedByte, 7), ("{\"a\" 1}", .unexpectedByte, 5),
        ("{\"a\":}", .unexpectedByte, 5), ("{a:1}", .unexpectedByte, 1), ("{'a':1}", .unexpectedByte, 1), ("{1:1}", .unexpectedByte, 1),
        ("{\"a\":1 \"b\":2}", .unexpectedByte, 7), ("{\"a\":1:2}", .unexpectedByte, 6), ("[\"a\":1]", .unexpectedByte, 4),
        ("[1}", .unexpectedByte, 2), ("{\"a\":1]", .unexpectedByte, 6), ("]", .unexpectedByte, 0), ("}", .unexpectedByte, 0),
        ("nul!", .unexpectedByte, 3), ("True", .unexpectedByte, 0), ("NaN", .unexpectedByte, 0), ("Infinity", .unexpectedByte, 0),
        ("-Infinity", .invalidNumber, 1), ("[NaN]", .unexpectedByte, 1), ("undefined", .unexpectedByte, 0), ("'a'", .unexpectedByte, 0),
        ("/**/1", .unexpectedByte, 0), ("[1]//", .trailingBytes, 3), ("1 2", .trailingBytes, 2), ("{}{}", .trailingBytes, 2),
        ("[]]", .trailingBytes, 2), ("null\0", .trailingBytes, 4), ("\u{0B}1", .unexpectedByte, 0), ("\u{A0}1", .unexpectedByte, 0),
        ("[1,\u{FEFF}2]", .unexpectedByte, 3), ("\u{FEFF}1", .byteOrderMark, 0), ("+1", .unexpectedByte, 0), (".5", .unexpectedByte, 0),
        ("01", .invalidNumber, 0), ("-01", .invalidNumber, 1), ("00", .invalidNumber, 0), ("1.e5", .invalidNumber, 2),
        ("1.x", .invalidNumber, 2),
        ("1e5.5", .trailingBytes, 3), ("1ex", .invalidNumber, 2), ("--1", .invalidNumber, 1), ("0x10", .trailingBytes, 1),
        ("1_000", .trailingBytes, 1),
        ("1.2.3", .trailingBytes, 3), ("1e309", .numberOutOfRange, 0), ("[-1e309]", .numberOutOfRange, 1),
        ("1e999999999999999999999", .numberOutOfRange, 0),
        ("1.7976931348623159e308", .numberOutOfRange, 0), ("1" + String(repeating: "0", count: 309), .numberOutOfRange, 0),
        ("0.1e310", .numberOutOfRange, 0), ("\"\\x41\"", .invalidEscape, 1), ("\"\\'\"", .invalidEscape, 1),
        ("\"\\U0041\"", .invalidEscape, 1),
        ("\"\\u00g0\"", .invalidEscape, 1), ("\"\\u 041\"", .invalidEscape, 1), ("\"\\u+041\"", .invalidEscape, 1),
        ("\"ab\\\n\"", .invalidEscape, 3),
        ("\"\\u12\"", .unexpectedEnd, 6), ("\"\\ud800\"", .loneSurrogate, 1), ("\"\\udc00\"", .loneSurrogate, 1),
        ("\"\\ud800\\ud800\"", .loneSurrogate, 1),
        ("\"\\ud800\\u0041\"", .loneSurrogate, 1), ("\"\\ud800\\n\"", .loneSurrogate, 1), ("\"\\udc00\\ud800\"", .loneSurrogate, 1),
        ("\"\\ud83dx\"", .loneSurrogate, 1), ("\"a\nb\"", .controlCharacter, 2), ("\"\t\"", .controlCharacter, 1),
        ("\"\0\"", .controlCharacter, 1),
        ("\"12345678\u{1F}\"", .controlCharacter, 9), ("{\"\n\":1}", .controlCharacter, 2),
    ]

    @Test("what RFC 8259 forbids is refused, with the reason and the place", arguments: invalid)
    func refuses(document: String, reason: JSONFault.Reason, offset: Int) {
        #expect(fault(in: document) == JSONFault(reason, at: offset))
    }
}
