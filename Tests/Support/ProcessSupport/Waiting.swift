/// Something that a test waited for did not come in time.
package struct Overdue: Error, CustomStringConvertible {
    package let description: String

    package init(_ what: String) {
        description = "overdue: \(what)"
    }
}

/// Asks again and again until a fact is there.
///
/// - Throws: ``Overdue`` when it is not there in time; `CancellationError` when the test's own time is up: a test that waited on would
///   hold up the whole run.
package func until(_ what: String, within time: Duration = .seconds(150), _ isThere: () async throws -> Bool) async throws {
    let end = ContinuousClock.now + time
    while try await !isThere() {
        guard ContinuousClock.now < end else { throw Overdue(what) }
        try await Task.sleep(for: .milliseconds(5))
    }
}
