/// A table that rows are appended to in batches, each row at most once.
package struct BatchTable<Row: Sendable>: Sendable {
    package struct Column: Sendable, Equatable {
        package let name: String
        /// As PostgreSQL writes it, such as `bigint` or `text[]`.
        package let type: String

        package init(_ name: String, _ type: String) {
            self.name = name
            self.type = type
        }
    }

    /// With its schema. This and the columns are names of our own schema, written into statements as they are.
    package let name: String
    package let columns: [Column]
    /// The row's own key, under which it is found among the dead letters.
    package let key: @Sendable (Row) -> String
    /// Writes the row's cells in the columns' order; the row's end is not its task.
    package let write: @Sendable (Row, inout CopyText) -> Void

    package init(
        name: String, columns: [Column], key: @escaping @Sendable (Row) -> String,
        write: @escaping @Sendable (Row, inout CopyText) -> Void
    ) {
        self.name = name
        self.columns = columns
        self.key = key
        self.write = write
    }

    /// The rows, ready to be sent.
    package func batch(_ rows: some Sequence<Row>) -> BatchConversation {
        let encoded = rows.map { row in
            var text = CopyText()
            write(row, &text)
            text.endRow()
            return BatchConversation.EncodedRow(key: key(row), bytes: text.bytes, hasNUL: text.hasNUL)
        }
        return BatchConversation(table: name, columns: columns.map { ($0.name, $0.type) }, rows: encoded)
    }
}

/// What became of a batch. All of it is committed.
package struct BatchOutcome: Sendable, Equatable {
    package var inserted = 0
    /// Were there already.
    package var duplicates = 0
    /// Refused by PostgreSQL for what they hold, and kept among the dead letters.
    package var deadLetters = 0

    package init() {}
}
