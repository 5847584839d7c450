// The example, taken through the data stages by the real programs, once for all tests.

import Foundation
import TestSupport

let ingest = BuiltProgram("ingest")
let featurize = BuiltProgram("featurize")
let tokenize = BuiltProgram("tokenize")
let train = BuiltProgram("train")
let inspect = BuiltProgram("inspect")

/// The checkout that is tested.
let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path
let exampleManifest = "\(repository)/examples/arabic-mini/manifest.json"

/// A program ended otherwise than it should.
struct UnexpectedEnd: Error, CustomStringConvertible {
    var description: String
}

extension ProgramResult {
    /// This result, if the program ended with `status`.
    @discardableResult
    func expecting(_ status: Int32) throws -> ProgramResult {
        guard self.status == status else {
            throw UnexpectedEnd(description: "exit code \(self.status), expected \(status)\n\(errors)\n\(output)")
        }
        return self
    }
}

/// A WORK that nobody changes: tests copy it where they must.
enum ExampleWork {
    /// Rows taken from the example; small shards, so that there are several.
    static let rows = 10
    static let ingestFlags = ["--data-path", exampleManifest, "--limit", "\(rows)", "--shard-size", "512KiB"]

    private static let built = Result { () throws -> String in
        let work = FileManager.default.temporaryDirectory.appendingPathComponent("sawt-example-\(getpid())").path
        removeAtExit(work)
        try make(work)
        return work
    }

    /// The path of the WORK.
    static func path() throws -> String { try built.get() }

    /// Runs the data stages into `work`.
    static func make(_ work: String, workers: Int = 2) throws {
        try ingest.run(ingestFlags + ["--output", work, "--workers", "\(workers)"]).expecting(0)
        try derive(work, workers: workers)
    }

    /// Runs what follows ingest.
    static func derive(_ work: String, workers: Int = 2) throws {
        let flags = ["--input", "\(work)/audio", "--workers", "\(workers)"]
        try featurize.run(flags + ["--output", "\(work)/features"]).expecting(0)
        try tokenize.run(["fit"] + flags + ["--output", "\(work)/codec"]).expecting(0)
        try tokenize.run(["encode"] + flags + ["--output", "\(work)/codes", "--codec", "\(work)/codec"]).expecting(0)
    }

    /// A copy of the WORK in `directory`.
    static func copy(into directory: String) throws -> String {
        let work = "\(directory)/work"
        try FileManager.default.copyItem(atPath: path(), toPath: work)
        return work
    }
}

/// Every file below a directory with its content; locks and the like aside.
func contents(of directory: String) throws -> [String: Data] {
    var files: [String: Data] = [:]
    let names = FileManager.default.enumerator(atPath: directory)?.compactMap { $0 as? String } ?? []
    for name in names where !name.hasSuffix(".lock") {
        var isDirectory: ObjCBool = false
        let path = "\(directory)/\(name)"
        if FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), !isDirectory.boolValue {
            files[name] = try Data(contentsOf: URL(fileURLWithPath: path))
        }
    }
    return files
}

/// The names of files that differ or that only one side has.
func differences(_ a: [String: Data], _ b: [String: Data]) -> [String] {
    Set(a.keys).union(b.keys).filter { a[$0] != b[$0] }.sorted()
}

nonisolated(unsafe) private var removals: [String] = []  // written before the first run, read at exit

func removeAtExit(_ path: String) {
    removals.append(path)
    atexit { for path in removals { try? FileManager.default.removeItem(atPath: path) } }
}
