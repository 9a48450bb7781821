/// How large a document the scanner accepts in shape; its size in bytes is limited by whoever reads it from the network (and by 4 GiB here).
package struct JSONLimits: Sendable, Equatable {
    /// How deep objects and arrays may nest, counted from 1 for the outermost.
    package var maxDepth: Int
    /// How many values and keys a document may have together. Each takes 16 bytes of the index.
    package var maxNodes: Int

    package init(maxDepth: Int = 128, maxNodes: Int = 262_144) {
        self.maxDepth = maxDepth
        self.maxNodes = maxNodes
    }
}
