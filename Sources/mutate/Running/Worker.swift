// A worker process: opens one mutant after another and says what came of each, so that a crash is known by the mutant whose
// end is missing. Its memory is limited anew for each mutant.

import CMalloc
import Foundation
import PipelineKit

/// What a worker is to do.
struct WorkerTask: Sendable {
    var format: Format
    var numbers: Range<Int>
    var seed: UInt64
    /// Whether the memory of a mutant is limited.
    var limitsMemory: Bool
    /// The file that takes the report: `begin N` and `end N VERDICT DETAIL`, a line each.
    var report: String
    var material: Material
    var scratch: String
    var programs: Programs

    /// Opens the intact file, then all mutants.
    func run() throws {
        let folder = "\(scratch)/folder"
        let place = Place(
            folder: folder, file: "\(folder)/\(format.file)", material: material, scratch: scratch, programs: programs)
        try renew(folder)
        let intact = try MappedFile(path: place.file).withBytes { Array($0) }
        // Opened before the folder is a mutant's: libraries load their tables, and the digest is what mutants are held to.
        let meaning = try format.open(place)
        let log = try ReportFile(path: report)
        // Programs have a limit of their own, which they would not get from here.
        let limitsMemory = limitsMemory && format.programCount == 0
        for number in numbers {
            try Interrupt.check()
            let mutant = Mutant(of: intact, kind: format.kind, seed: seed, format: format.name, number: number)
            if format.writes { try renew(folder) }
            try mutant.write(to: place.file)
            try log.append("begin \(number)")
            if limitsMemory {
                limitMemory(to: format.allowance.bytes(fileBytes: max(intact.count, mutant.bytes.count)))
            }
            let (verdict, detail) = judge(place, meaning: meaning)
            if limitsMemory { limitMemory(to: nil) }
            try log.append("end \(number) \(verdict.rawValue) \(detail.escapedForTerminal)")
        }
    }

    /// Copies the format's folder anew.
    private func renew(_ folder: String) throws {
        try? FileManager.default.removeItem(atPath: folder)
        try FileManager.default.copyItem(atPath: material.folder(format.folder), toPath: folder)
    }

    private func judge(_ place: Place, meaning: UInt64) -> (Verdict, String) {
        do {
            return (try format.open(place) == meaning ? .same : .changed, "")
        } catch let fault as Fault {
            return (fault.verdict, fault.detail)
        } catch let refusal as Refusal {
            return refusal.text.isHarmless && !refusal.text.isEmpty
                ? (.refused, refusal.text) : (.broken, "not fit for a terminal: \(refusal.text)")
        } catch {
            return judge(error)
        }
    }

    /// Whether an error is one that a person can use: it says where, ends a program with 2 or 3, and is escaped.
    private func judge(_ error: any Error) -> (Verdict, String) {
        let failure = Failure(error)
        let text = failure.description
        if ["no memory", "not enough memory", "malloc"].contains(where: text.contains) { return (.grew, text) }
        guard error is any PersonReadable || error is Failure else { return (.broken, "no error for people: \(text)") }
        guard failure.status == .badData || failure.status == .badUsage else {
            return (.broken, "exit code \(failure.status.rawValue): \(text)")
        }
        guard failure.location?.isEmpty == false else { return (.broken, "says no place: \(text)") }
        return text.isHarmless ? (.refused, text) : (.broken, "not fit for a terminal: \(text)")
    }

    /// Limits the address space to what is in use now and `bytes` more.
    private func limitMemory(to bytes: Int?) {
        malloc_trim(0)
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
        limit.rlim_cur = bytes.map { min(limit.rlim_max, rlim_t(Self.addressSpace + $0)) } ?? limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
    }

    /// Bytes of address space in use.
    private static var addressSpace: Int {
        let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
        return (text.split(separator: " ").first.flatMap { Int($0) } ?? 0) * Int(getpagesize())
    }
}

extension Mutant {
    func write(to path: String) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }
}

extension String {
    /// Whether a terminal shows it as it is: no control characters but line ends, nothing that reorders.
    var isHarmless: Bool {
        unicodeScalars.allSatisfy { scalar in
            switch scalar.value {
            case 0x0A: true
            case 0..<0x20, 0x7F..<0xA0, 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069: false
            default: true
            }
        }
    }
}

/// Lines that are in the file as soon as they are appended.
private final class ReportFile {
    private let descriptor: Int32
    private let path: String

    init(path: String) throws {
        self.path = path
        descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FileError("create the file", path) }
    }

    deinit { close(descriptor) }

    func append(_ line: String) throws {
        let bytes = Array((line + "\n").utf8)
        guard write(descriptor, bytes, bytes.count) == bytes.count else { throw FileError("write", path) }
    }
}
