import Foundation

/// Resident memory over time.
struct MemoryWatch {
    struct Sample: Codable, Sendable {
        var seconds: Double
        var kibibytes: Int
    }

    private let task: Task<[Sample], Never>

    /// Samples until it is ended; 100,000 at most.
    init(_ probe: ProcessProbe, every interval: Duration) {
        task = Task {
            let start = ContinuousClock.now
            var samples: [Sample] = []
            while !Task.isCancelled, samples.count < 100_000 {
                let time = start.duration(to: .now)
                samples.append(
                    Sample(
                        seconds: Double(time.components.seconds) + Double(time.components.attoseconds) / 1e18, kibibytes: probe.residentKiB)
                )
                try? await Task.sleep(for: interval)
            }
            return samples
        }
    }

    func end() async -> [Sample] {
        task.cancel()
        return await task.value
    }

    /// Of the line that lies nearest to the samples, by least squares; 0 of fewer than two.
    static func kibibytesPerHour(_ samples: [Sample]) -> Double {
        let count = Double(samples.count)
        guard count >= 2 else { return 0 }
        let meanTime = samples.reduce(0) { $0 + $1.seconds } / count
        let meanSize = samples.reduce(0) { $0 + Double($1.kibibytes) } / count
        let spread = samples.reduce(0) { $0 + ($1.seconds - meanTime) * ($1.seconds - meanTime) }
        guard spread > 0 else { return 0 }
        return samples.reduce(0) { $0 + ($1.seconds - meanTime) * (Double($1.kibibytes) - meanSize) } / spread * 3_600
    }
}
