// What `--version` prints.

/// The version of sawt.
public let sawtVersion = "0.1.0"

/// The version text of a program; pipeline.mk's stamps hold it, so that a stage whose bytes changed runs again.
///
/// - Parameter outputVersion: of a stage that writes shards or checkpoints.
public func versionText(outputVersion: Int? = nil) -> String {
    sawtVersion + (outputVersion.map { " (output version \($0))" } ?? "")
}
