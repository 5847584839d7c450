// The programs beside this one, run on a mutant as a person would run them.

import Foundation
import PipelineKit

/// The built programs and the limits under which they open mutants.
struct Programs: Sendable {
    /// The folder of the binaries.
    var directory: String
    /// The longest that one may take.
    var seconds: Int
    /// The memory that one may ask for (RLIMIT_DATA): several times what the intact files take.
    static let dataBytes = 768 << 20

    /// Runs a program to its end.
    ///
    /// - Parameter mayDiverge: whether exit code 1 is a refusal, too, where the program says that its numbers are not finite.
    /// - Returns: what it printed to standard output.
    /// - Throws: `Refusal` for the exit codes 2 and 3, `Fault` for any other end.
    @discardableResult
    func run(_ name: String, _ arguments: [String], scratch: String, mayDiverge: Bool = false) throws -> String {
        let output = "\(scratch)/\(name).out", errors = "\(scratch)/\(name).err"
        func end(limit: Int?) throws -> ProcessEnd {
            let deadline = ContinuousClock.now + .seconds(seconds)
            return try ChildProcess(
                "\(directory)/\(name)", arguments, output: output, errors: errors, dataBytes: limit
            ).wait { deadline }
        }
        let first = try end(limit: Self.dataBytes)
        let said = text(of: errors)
        switch first {
        case .exit(0): return text(of: output)
        case .exit(let code) where code == ExitStatus.badUsage.rawValue || code == ExitStatus.badData.rawValue:
            throw Refusal(text: said.isEmpty ? text(of: output) : said)
        case .exit(ExitStatus.failed.rawValue) where mayDiverge && Self.tellsDivergence(said + text(of: output)):
            throw Refusal(text: said + text(of: output))
        case .timeout: throw Fault(verdict: .hung, detail: "\(name): over \(seconds) s")
        case .exit, .signal:
            // Out of memory, or wrong in any case?
            var verdict = Verdict.broken
            if case .signal = first { verdict = .crashed }
            if try end(limit: nil) != first { verdict = .grew }
            throw Fault(verdict: verdict, detail: "\(name): \(first), \(said.suffix(400))")
        }
    }

    private static func tellsDivergence(_ text: String) -> Bool {
        ["is not finite", "norm is -nan", "norm is nan", "norm is inf"].contains(where: text.contains)
    }

    private func text(of path: String) -> String {
        String(decoding: (try? Data(contentsOf: URL(fileURLWithPath: path))) ?? Data(), as: UTF8.self)
    }
}
