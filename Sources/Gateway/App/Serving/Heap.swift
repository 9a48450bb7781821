import CMalloc

/// How the C library's allocator treats a server whose requests have a kilobyte each, and some a megabyte.
enum Heap {
    /// Blocks from this size on are mapped alone, and go back to the system when they are freed.
    private static let mappedFrom: Int32 = 256 << 10

    /// Keeps what large requests needed from staying with the process. glibc raises the size from which it maps blocks alone to the largest that was ever
    /// freed (mallopt(3), `M_MMAP_THRESHOLD`): after the first large request all of them would be cut from the heap, which can only shrink at its end.
    static func returnLargeBlocks() {
        _ = cmalloc_map_blocks_from(mappedFrom)
    }
}
