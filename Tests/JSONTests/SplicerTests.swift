import GatewayJSON
import NIOCore
import Testing

@Suite("Splicing")
struct SplicerTests {
    private func spliced(_ document: String, _ change: (JSONValue, inout JSONSplicer) throws -> Void) throws -> String {
        var splicer = JSONSplicer()
        try read(document) { try change($0, &splicer) }
        var output = ByteBuffer(string: "before ")
        splicer.write(ByteBuffer(string: document), into: &output)
        // swift-format-ignore: NeverForceUnwrap
        return String(buffer: output.getSlice(at: 7, length: output.readableBytes - 7)!)
    }

    @Test("no change, no difference")
    func nothing() throws {
        let document = #" { "a" : [ 1 , "\u0041" ] } "#
        #expect(try spliced(document) { _, _ in } == document)
    }

    @Test("a leaf is replaced, escaped, and all else stays byte for byte")
    func leaf() throws {
        let document = #" { "a" : [ 1.50 , "\u0041" ], "b":"old" } "#
        let result = try spliced(document) { root, splicer in
            splicer.replace(try #require(try root.member("b")).range, withString: "new \"x\"\n")
        }
        #expect(result == #" { "a" : [ 1.50 , "\u0041" ], "b":"new \"x\"\n" } "#)
    }

    @Test("changes may come out of order")
    func order() throws {
        let result = try spliced(#"{"a":"1","b":"2","c":[3]}"#) { root, splicer in
            splicer.replace(try #require(try root.member("c")).range, withRaw: "null")
            splicer.replace(try #require(try root.member("a")).range, withInteger: -7)
            splicer.replace(try #require(try root.member("b")).range, withRaw: ByteBuffer(string: "{}"))
        }
        #expect(result == #"{"a":-7,"b":{},"c":null}"#)
    }

    @Test("members are added after the last one, the first into an empty object without a comma")
    func insertion() throws {
        let result = try spliced(#"{"a":{ },"b":{"c":1 }}"#) { root, splicer in
            let (empty, full) = (try #require(try root.member("a")), try #require(try root.member("b")))
            splicer.insert(into: empty, "x", raw: "1")
            splicer.insert(into: full, "y", raw: "2")
            splicer.insert(into: empty, "z", raw: "3")
            splicer.insert(into: full, "v", raw: "4")
            splicer.insert(into: root, "stream_options", raw: #"{"include_usage":true}"#)
        }
        #expect(result == #"{"a":{ "x":1,"z":3},"b":{"c":1 ,"y":2,"v":4},"stream_options":{"include_usage":true}}"#)
    }

    @Test("nothing is added to what is no object")
    func insertionElsewhere() throws {
        #expect(try spliced("[]") { $1.insert(into: $0, "x", raw: "1") } == "[]")
    }

    @Test("a cleared splicer starts anew")
    func clear() throws {
        let result = try spliced(#"["a"]"#) { root, splicer in
            splicer.replace(root.range, withRaw: "1")
            splicer.clear()
            #expect(splicer.isEmpty)
        }
        #expect(result == #"["a"]"#)
    }
}
