/// PostgreSQL's five-character error code (its manual, appendix A). The first two characters are the class.
package struct SQLState: Sendable, Hashable, CustomStringConvertible {
    package let description: String

    /// `nil` unless the text is five digits or capital letters.
    package init?(_ text: some StringProtocol) {
        let isWellFormed =
            text.utf8.count == 5
            && text.utf8.allSatisfy {
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0)
            }
        guard isWellFormed else { return nil }
        description = String(text)
    }

    private init(known text: StaticString) {
        description = text.description
    }

    package static let uniqueViolation = SQLState(known: "23505")
    package static let foreignKeyViolation = SQLState(known: "23503")
    package static let checkViolation = SQLState(known: "23514")
    package static let readOnlyTransaction = SQLState(known: "25006")
    package static let serializationFailure = SQLState(known: "40001")
    package static let deadlockDetected = SQLState(known: "40P01")
    package static let insufficientPrivilege = SQLState(known: "42501")
    package static let invalidPassword = SQLState(known: "28P01")

    /// Whether a table, column, function or schema is not there that this version has: its migrations were not applied.
    package var meansOutdatedSchema: Bool { ["42P01", "42703", "42883", "3F000"].contains(description) }

    package var errorClass: String { String(description.prefix(2)) }

    /// Whether the row's values are at fault, so that another row may do better: data exceptions, integrity violations, and values
    /// beyond a limit of PostgreSQL.
    package var blamesValues: Bool { ["22", "23", "54"].contains(errorClass) }

    /// Whether the server turned the connection away for what it asked: a wrong password, an unknown role or database. Asking again
    /// without a change of configuration is of no use.
    package var refusesConnection: Bool { ["28", "3D", "42"].contains(errorClass) }

    /// What to do when a statement, or the transaction around it, ended with this state.
    package var retry: RetryDecision {
        switch description {
        case "40003", "08007": .ifRepeatable
        case "40001", "40P01": .atOnce
        // Somebody holds the lock; the server was asked to stop the statement; a standby took the place of the primary.
        case "55P03", "57014", "25006", "55006": .later
        default:
            switch errorClass {
            case "40": .atOnce
            // Connection, resources, operator intervention, the server's system. PgBouncer's own errors are of class 08.
            case "08", "53", "57", "58": .later
            default: .never
            }
        }
    }
}

/// Whether the same operation may be tried again.
package enum RetryDecision: Sendable, Equatable {
    /// It would fail again.
    case never
    /// It had no effect, and what stood in its way is gone.
    case atOnce
    /// It had no effect, and what stands in its way may go.
    case later
    /// Nobody knows whether it had an effect: only what does no harm when done twice may be tried again.
    case ifRepeatable
}
