/// A table that rows are appended to in batches, each row at most once.
package struct BatchTable<Row: Sendable>: Sendable {
    /// With its schema. This and the columns are names of our own schema, written into statements as they are.
    package let name: String
    package let columns: [BatchColumn]
    /// The row's own key, under which it is found among the dead letters.
    package let key: @Sendable (Row) -> String
    /// Writes the row's cells in the columns' order; the row's end is not its task.
    package let write: @Sendable (Row, inout CopyText) -> Void

    package init(
        name: String, columns: [BatchColumn], key: @escaping @Sendable (Row) -> String,
        write: @escaping @Sendable (Row, inout CopyText) -> Void
    ) {
        self.name = name
        self.columns = columns
        self.key = key
        self.write = write
    }

    /// The rows, ready to be sent.
    package func batch(_ rows: some Sequence<Row>) -> BatchConversation {
        var (text, encoded, dead) = (CopyText(), BatchConversation.Rows(), [BatchConversation.DeadRow]())
        for row in rows {
            let start = text.bytes.count
            write(row, &text)
            // What the server would say: bad COPY file format; character not in repertoire.
            let state = text.cellsInRow != columns.count ? "22P04" : text.hasNUL ? "22021" : nil
            text.endRow()
            if let state {
                dead.append(BatchConversation.DeadRow(key: key(row), bytes: text.takeRow(from: start), state: state, constraint: nil))
            } else {
                encoded.keys.append(key(row))
                encoded.ends.append(text.bytes.count)
            }
        }
        encoded.bytes = text.bytes
        return BatchConversation(table: name, columns: columns.map { ($0.name, $0.type) }, rows: encoded, dead: dead)
    }
}

package struct BatchColumn: Sendable, Equatable {
    package let name: String
    /// As PostgreSQL writes it, such as `bigint` or `text[]`.
    package let type: String

    package init(_ name: String, _ type: String) {
        self.name = name
        self.type = type
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
