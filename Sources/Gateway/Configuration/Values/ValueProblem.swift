/// Why a value cannot be what its key needs, and how to mend it. Completes the sentence that begins with the key; never repeats a value
/// that could be a secret.
package struct ValueProblem: Error, Sendable, Equatable {
    package var problem: String
    package var remedy: String

    package init(_ problem: String, remedy: String) {
        self.problem = problem
        self.remedy = remedy
    }
}
