import ArgumentParser
import Foundation
import GatewayConfiguration
import GatewayCore
import GatewayCrypto
import NIOCore

struct LedgerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ledger", abstract: "The record of requests: shows, exports and verifies it, while gateways run too.",
        subcommands: [Tail.self, Export.self, Verify.self, Reprice.self])

    struct Tail: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "tail", abstract: "Prints the last rows, one JSON object a line.")

        @Option(name: [.customShort("n"), .long], help: "How many; at most \(LedgerLimits.maxPage).")
        var count = 20

        @Flag(name: .long, help: "Goes on with the rows that come, until it is stopped.")
        var follow = false

        @OptionGroup var selection: LedgerSelection
        @OptionGroup var ledger: LedgerOptions

        func run() async throws {
            try await ledger.with { archive in
                var rows = try await archive.lastRows(selection.query, count: count)
                var position = rows.last?.position ?? 0
                try LedgerOutput.write(rows, as: .jsonl)
                while follow {
                    rows = try await archive.rows(selection.query, after: position)
                    try LedgerOutput.write(rows, as: .jsonl)
                    position = rows.last?.position ?? position
                    if rows.isEmpty { try await Task.sleep(for: .seconds(1)) }
                }
            }
        }
    }

    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "export", abstract: "Prints rows in the order in which they were appended.")

        @Option(name: .long, help: "csv, with a header, or jsonl: one JSON object a line.")
        var format = LedgerExport.csv

        @OptionGroup var selection: LedgerSelection
        @OptionGroup var ledger: LedgerOptions

        func run() async throws {
            try await ledger.with { archive in
                FileHandle.standardOutput.write(Data(format.header.utf8))
                var position: Int64 = 0
                while true {
                    let rows = try await archive.rows(selection.query, after: position)
                    guard let last = rows.last else { return }
                    try LedgerOutput.write(rows, as: format)
                    position = last.position
                }
            }
        }
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "verify", abstract: "Goes along each tenant's chain, and names the first row that is not as it was written.",
            discussion: """
                Prints each tenant's rows and the hash of the last one. Whoever keeps these lines elsewhere can tell later whether rows were taken from \
                the end. Ends with status 65 where a chain is broken.
                """)

        @Option(name: .long, help: "Only this tenant's chain.")
        var tenant: String?

        @Option(name: .long, help: "The environment variable that holds the chain's secret, as `ledger.key_env` names it.")
        var keyEnv = "AGENTSHIELD_PEPPER"

        @OptionGroup var ledger: LedgerOptions

        func run() async throws {
            let secret = try EnvironmentSecret.read(keyEnv, minimumCount: Vault.minimumPepperCount)
            var broken = 0
            try await ledger.with { archive in
                let walk = ChainWalk(archive: archive, chain: LedgerChain(secret: secret))
                guard let tenant else {
                    broken = try await walk.countBroken()
                    return
                }
                if let head = try await archive.head(of: tenant), try await !walk.isGood(head) { broken = 1 }
            }
            if broken > 0 { throw ExitCode(65) }
        }
    }
}

extension LedgerCommand {
    struct Reprice: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "reprice",
            abstract: "Reckons each row's cost again, from its tokens and its price version, and names rows that differ.",
            discussion: """
                Nothing else is needed: a price version holds its figures. Corrections are differences and are taken as they are. Ends with status 65 where \
                a row's cost is another.
                """)

        @OptionGroup var selection: LedgerSelection
        @OptionGroup var ledger: LedgerOptions

        func run() async throws {
            var bill = RepricedBill()
            try await ledger.with { archive in
                var position: Int64 = 0
                while true {
                    let rows = try await archive.rows(selection.query, after: position)
                    guard let last = rows.last else { return }
                    for row in rows {
                        let differing = bill.add(try LedgerEntry(decoding: row.bytes))
                        if let differing { print("tenant \(row.tenant), row \(row.sequence): \(differing)") }
                    }
                    position = last.position
                }
            }
            print("\(bill)")
            if bill.differing > 0 { throw ExitCode(65) }
        }
    }
}

/// Goes along chains and tells what it finds.
private struct ChainWalk {
    let archive: any LedgerArchive
    let chain: LedgerChain

    /// Checks every tenant's chain.
    func countBroken() async throws -> Int {
        var (broken, last) = (0, "")
        while true {
            let heads = try await archive.heads(after: last)
            guard let end = heads.last else { return broken }
            for head in heads where try await !isGood(head) { broken += 1 }
            last = end.tenant
        }
    }

    func isGood(_ stored: LedgerHead) async throws -> Bool {
        var check = ChainCheck(tenant: stored.tenant) { previous, sequence, bytes in
            (try? chain.hash(tenant: stored.tenant, previous: previous, sequence: sequence, bytes: bytes).bytes) ?? []
        }
        while true {
            let rows = try await archive.chain(of: stored.tenant, after: check.head.sequence)
            for row in rows {
                if let fault = check.check(row) { return tell(fault) }
            }
            if rows.isEmpty { break }
        }
        if let fault = check.finish(stored) { return tell(fault) }
        let hash = check.head.hash.map { String(format: "%02x", $0) }.joined()
        print("tenant \(stored.tenant): \(check.head.sequence) rows, good; the last one's hash is \(hash)")
        return true
    }

    private func tell(_ fault: ChainFault) -> Bool {
        FileHandle.standardError.write(Data("\(fault)\n".utf8))
        return false
    }
}

private enum LedgerOutput {
    static func write(_ rows: [LedgerRow], as format: LedgerExport) throws(LedgerEntryFault) {
        guard !rows.isEmpty else { return }
        var buffer = ByteBuffer()
        for row in rows { try format.write(row, into: &buffer) }
        FileHandle.standardOutput.write(Data(buffer.readableBytesView))
    }
}

extension LedgerExport: ExpressibleByArgument {}
