import EmbeddedStore
import GatewayConfiguration
import GatewayCore
import GatewayCrypto
import PostgresStore

extension Configuration.Control {
    /// Opens the store; `nil`: there is none. A SQLite file is made if it is not there; PostgreSQL is connected to when it is asked something.
    ///
    /// - Parameter timeout: for one operation on PostgreSQL, with waiting and connecting.
    func open(timeout: Duration) throws(ControlError) -> (any ControlStore)? {
        switch self {
        case .none: return nil
        case .file(let path): return try EmbeddedControlStore(path: path)
        case .database(let location):
            do throws(PostgresError) {
                return ControlPlane(try PostgresDriver(PostgresLocation(location)), timeout: timeout)
            } catch {
                throw .broken("DATABASE_URL: \(error.detail)")
            }
        }
    }
}
