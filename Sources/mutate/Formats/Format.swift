// What a format is to the mutation run: a folder with an intact file, and a door through which the file is opened.

import Foundation
import PipelineKit

/// A kind of file, and the reader that programs open it with.
struct Format: Sendable {
    /// As the table shows it.
    var name: String
    /// The folder in the material that is copied for each worker, and the file in it that is damaged.
    var folder: String
    var file: String
    var kind: FileKind
    /// Whether something vouches for the content (a hash, a digest beside it): damage that is let in must then mean the same.
    var isChecked = false
    /// Whether opening changes the folder, so that each mutant needs a fresh one.
    var writes = false
    /// Mutants, relative to other formats.
    var weight = 4
    /// Programs that opening runs, one after another.
    var programCount = 0
    /// Memory that opening may take: a multiple of the file's size, and as much again as any file may take.
    var allowance = Allowance()
    /// Opens the file through the real reader and reads all of it.
    ///
    /// - Returns: a digest of what it means; equal digests are equal contents.
    var open: @Sendable (Place) throws -> UInt64

    struct Allowance: Sendable {
        var factor = 16
        var constant = 48 << 20

        func bytes(fileBytes: Int) -> Int { constant + factor * fileBytes }
    }
}

/// Where a mutant lies.
struct Place: Sendable {
    /// The worker's copy of the format's folder.
    var folder: String
    /// The damaged file.
    var file: String
    /// Intact files of all formats.
    var material: Material
    /// An empty folder for what programs write.
    var scratch: String
    var programs: Programs

    /// A folder below `scratch` that does not exist yet.
    func fresh(_ name: String) throws -> String {
        let path = "\(scratch)/\(name)"
        if access(path, F_OK) == 0 { try FileManager.default.removeItem(atPath: path) }
        return path
    }
}

/// What came of a mutant.
enum Verdict: String, Sendable, CaseIterable {
    /// With an error that a person can read.
    case refused
    /// Let in, with the same meaning.
    case same
    /// Let in, with another meaning: fine where nothing vouches for the content.
    case changed
    case crashed
    case hung
    /// More memory than the file justifies.
    case grew
    /// An error without a place or a remedy's exit code, an unescaped sentence, a row that is lost.
    case broken
}

/// A verdict that a door reaches by itself.
struct Fault: Error {
    var verdict: Verdict
    var detail: String
}

/// A program's refusal: exit code 2 or 3 and what it said.
struct Refusal: Error {
    var text: String
}

extension Format {
    /// All formats; those that a program opens come last.
    static let all = shards + records + texts + audio + tensors + manifests + codecs + training + looks
}
