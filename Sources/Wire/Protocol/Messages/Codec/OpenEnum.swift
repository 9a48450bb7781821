/// An enum of the schema. Open: numbers that this build has no name for are kept, and written back.
package protocol OpenEnum: RawRepresentable, Hashable, Sendable where RawValue == Int32 {
    init(rawValue: Int32)
}
