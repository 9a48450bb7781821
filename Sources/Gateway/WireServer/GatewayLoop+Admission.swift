package import GatewayPipeline
import Wire

/// Requests that are still arriving draw on the loop's in-flight budget.
extension GatewayLoop: RequestAdmission {
    package func reserve(_ bytes: Int) -> Bool { reserveBytes(bytes) }
    package func release(_ bytes: Int) { releaseBytes(bytes) }
}
