import Foundation
import TestSupport
import Testing

/// The torture itself: a few kills find nothing, and a stage that is not as it should be is found.
@Suite(.serialized) struct TortureTests {
    private static let torture = BuiltProgram("torture")

    @Test func `a few kills of every stage find nothing`() throws {
        let result = try Self.torture.run(["--project", repository, "--kills", "10", "--repetitions", "1"])
        #expect(result.status == 0, "\(result.output)\n\(result.errors)")
        for stage in ["ingest", "featurize", "tokenize fit", "tokenize encode", "train"] {
            #expect(result.output.contains("\n\(stage) "), "\(result.output)")
        }
    }

    @Test func `a stage that does its work twice is found`() throws {
        try withTemporaryDirectory { directory in
            // featurize spoils every shard that it finds, so that what was done has to be done again. Eight times the rows
            // are enough shards for most kills to find some of them done.
            let script = """
                #!/bin/sh
                for shard in work/features/shard.*.mds.zstd; do [ -e "$shard" ] && printf x >>"$shard"; done
                exec \(featurize.path) "$@"
                """
            try Data(script.utf8).write(to: URL(fileURLWithPath: "\(directory)/featurize"))
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: "\(directory)/featurize")
            try FileManager.default.createSymbolicLink(atPath: "\(directory)/ingest", withDestinationPath: ingest.path)
            try FileManager.default.copyItem(atPath: Self.torture.path, toPath: "\(directory)/torture")
            let result = try BuiltProgram(path: "\(directory)/torture").run([
                "--project", repository, "--stage", "featurize", "--kills", "12", "--repetitions", "8",
            ])
            #expect(result.status == 1, "\(result.output)\n\(result.errors)")
            #expect(result.output.contains("done again: work/features/shard."), "\(result.output)")
            #expect(result.errors.contains("repeat with --seed"), "\(result.errors)")
        }
    }
}
