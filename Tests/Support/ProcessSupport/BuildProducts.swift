package import Foundation

/// The programs that this package's build has put beside the tests.
package enum BuildProducts {
    package struct NotFound: Error, CustomStringConvertible {
        package let description: String
    }

    /// - Parameter name: a product's name, such as `scripted-provider`, or the whole path of any other program.
    package static func executable(_ name: String) throws -> URL {
        if name.hasPrefix("/") { return URL(fileURLWithPath: name) }
        for directory in directories {
            let candidate = directory.appendingPathComponent(name)
            if FileManager.default.isExecutableFile(atPath: candidate.path) {
                return candidate
            }
        }
        throw NotFound(description: "\(name) is not built; looked in \(directories.map(\.path))")
    }

    /// Where the test bundle lies: its own folder on Linux, the one around the bundle on macOS.
    private static var directories: [URL] {
        let bundles = Bundle.allBundles.filter { $0.bundlePath.hasSuffix(".xctest") }.map { $0.bundleURL.deletingLastPathComponent() }
        let running = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
        return bundles + [running, Bundle.main.bundleURL]
    }
}
