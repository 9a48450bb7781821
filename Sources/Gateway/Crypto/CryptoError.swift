/// What can go wrong in this module. Holds no input and no key.
package enum CryptoError: Error, Sendable, Equatable {
    /// libcrypto refused an operation that depends on no input: it is broken, misconfigured or out of memory.
    case libraryFailure(operation: String)
    /// A sealed value does not open: another key, nonce or associated data, or it was changed.
    case authenticationFailed
    /// A length is outside what the algorithm allows.
    case lengthOutOfRange(String)
}
