// Generated from Sources/Gateway/App/Models by Scripts/generate-model-manifest.py; change the files there.

/// What the files of the read-only models must be.
enum ModelManifest {
    static let entries = [
        ModelFiles.Entry(
            name: "languages", version: 1, bytes: 7425,
            sha256: "1c0a0852bd8b0f06d00d0f0c54e4f4a62722cf3a80acbfce3e9d0a45716f67a6"),
        ModelFiles.Entry(
            name: "strengths", version: 1, bytes: 6004,
            sha256: "c2c471458b1cd3885da5ae7cb629af5cc87de0f17dad2cb5710b36b8b15fef11"),
        ModelFiles.Entry(
            name: "token-rates", version: 1, bytes: 2762,
            sha256: "1f782e3d186cd6717c5b6d2623aa12c80c855f07078164165ea41e586ab1195a"),
    ]
}
