internal import GatewayCrypto

/// A change of the schema, applied once and in one transaction.
package struct Migration: Sendable, Equatable {
    /// From 1, without gaps.
    package let version: Int
    package let name: String
    package let sql: String
    /// SHA-256 of the SQL, as 64 hexadecimal digits.
    package let checksum: String

    package init(version: Int, name: String, sql: [UInt8]) {
        self.version = version
        self.name = name
        self.sql = String(decoding: sql, as: UTF8.self)
        checksum = Digest.sha256(sql).hex
    }

    /// Every migration of this program, in order. `.sql` files beside this source are compiled in: a program in a container has no other
    /// file to lose.
    package static let all = [
        Migration(version: 1, name: "0001_control_plane", sql: PackageResources._001_control_plane_sql),
        Migration(version: 2, name: "0002_dead_letters", sql: PackageResources._002_dead_letters_sql),
        Migration(version: 3, name: "0003_revisions", sql: PackageResources._003_revisions_sql),
        Migration(version: 4, name: "0004_ledger", sql: PackageResources._004_ledger_sql),
        Migration(version: 5, name: "0005_prices", sql: PackageResources._005_prices_sql),
        Migration(version: 6, name: "0006_budgets", sql: PackageResources._006_budgets_sql),
    ]
}
