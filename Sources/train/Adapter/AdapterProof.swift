// The proof that an adapter is one: which base it belongs to, how large its change is in every module, and how far it moves
// the logits of a probe. Written beside each saved adapter, and computed again whenever one is loaded: an adapter that
// is not applied, or applied to another base, does not give the recorded numbers.

import Foundation
import PipelineKit

/// adapter_proof.json.
struct AdapterProof: Sendable, Equatable {
    static let fileName = "adapter_proof.json"
    private static let version = 1

    struct Change: Sendable, Equatable {
        var module: String
        /// ‖ΔW‖, Frobenius.
        var norm: Double
    }

    /// Where the base lay; for people.
    var base: String?
    var fingerprint: String
    /// Of the modules with a low-rank term.
    var changes: [Change]
    /// Of the modules that are trained whole.
    var savedChanges: [Change]
    /// max |logits with the adapter − logits of the base|, over the probe.
    var logitsChange: Double
    var logitsScale: Double

    /// Measures a model's adapter.
    /// - Parameters:
    ///   - path: the directory that errors name.
    ///   - isTrained: whether it has been trained, so that it must have changed something.
    /// - Throws: `AdapterError.notProven` for a trained adapter that changes nothing.
    init(_ model: HiggsModel, base: String?, path: String, isTrained: Bool) throws {
        self.base = base
        fingerprint = model.parameters.files.map(BaseFingerprint.digits) ?? ""
        changes = model.adapterDeltas().map { Change(module: $0.module, norm: $0.norm) }
        savedChanges = try model.savedModuleChanges()
        let adapted = try ProbedLogits(model)
        let plain = try model.withoutAdapter { try ProbedLogits(model) }
        logitsChange = Double(adapted.distance(plain))
        logitsScale = Double(plain.scale)
        if isTrained { try requireChange(path) }
    }

    /// Modules that the adapter leaves as they are: an audio feed-forward, where no row had codes.
    var unmoved: [String] { (changes + savedChanges).filter { !($0.norm > 0) }.map(\.module) }

    /// √Σ ‖ΔW‖² over all modules.
    var totalNorm: Double { (changes + savedChanges).reduce(0) { $0 + $1.norm * $1.norm }.squareRoot() }

    func requireChange(_ path: String) throws {
        guard totalNorm.isFinite, logitsChange.isFinite else {
            throw AdapterError.notProven(
                path: path, problem: "the adapter's change is not finite",
                remedy: "go back to a checkpoint before it, and lower the learning rate")
        }
        guard totalNorm > 0 else {
            throw AdapterError.notProven(
                path: path, problem: "the adapter changes nothing: ΔW is 0 in all of its \(changes.count) modules",
                remedy: "check training.learning_rate and that the data has labels")
        }
        guard changes.allSatisfy({ $0.norm == 0 }) || logitsChange > 0 else {
            throw AdapterError.notProven(
                path: path, problem: "the adapter's ΔW is not 0, but the logits of the probe are those of the base",
                remedy: "do not use it: it is not applied")
        }
    }

    /// `84 modules, ‖ΔW‖ 0.61, logits move by up to 0.35`.
    var text: String {
        let saved = savedChanges.isEmpty ? "" : ", \(savedChanges.count) trained whole"
        let still = unmoved.isEmpty ? "" : ", \(unmoved.count) of them unmoved"
        return "\(changes.count) modules\(saved)\(still), norm of the change \(String(format: "%.3g", totalNorm)), "
            + "the probe's logits move by up to \(String(format: "%.3g", logitsChange))"
    }

    // MARK: - The file

    var json: JSONValue {
        func list(_ changes: [Change]) -> JSONValue {
            .array(changes.map { ["module": .string($0.module), "delta_norm": .double($0.norm)] })
        }
        return [
            "version": .int(Self.version), "base": base.map { .string($0) } ?? .null,
            "base_fingerprint": .string(fingerprint), "total_delta_norm": .double(totalNorm),
            "logits_change": .double(logitsChange), "logits_scale": .double(logitsScale),
            "modules": list(changes), "modules_to_save": list(savedChanges),
        ]
    }

    func write(to directory: String) throws {
        try AtomicFile.write(Array((json.pretty() + "\n").utf8), to: directory + "/" + Self.fileName)
    }

    /// What a proof on disk claims; nil where there is none, as with adapters that peft wrote.
    struct Claim {
        var modules: Int
        var fingerprint: String
        var totalNorm: Double
        var logitsChange: Double

        init?(directory: String) throws {
            let path = directory + "/" + AdapterProof.fileName
            guard DataSource.exists(path) else { return nil }
            let document = try JSONValue(contentsOfFile: path)
            guard document["version"]?.intValue == AdapterProof.version,
                let fingerprint = document["base_fingerprint"]?.stringValue,
                let norm = document["total_delta_norm"]?.doubleValue,
                let change = document["logits_change"]?.doubleValue,
                let modules = document["modules"]?.arrayValue
            else {
                throw Failure(
                    .badData, "not a proof of an adapter", at: path.escapedForTerminal,
                    remedy: "remove the file to do without a proof")
            }
            (self.fingerprint, totalNorm, logitsChange) = (fingerprint, norm, change)
            self.modules = modules.count
        }

        /// For a run's summary.
        var text: String {
            "\(modules) modules, norm of the change \(String(format: "%.3g", totalNorm)), the probe's logits move by up to "
                + String(format: "%.3g", logitsChange)
        }
    }

    /// Computes the proof of an adapter that was just loaded and compares it with the one beside it.
    /// - Throws: `AdapterError.otherBase`, `.notProven`.
    @discardableResult
    static func check(_ model: HiggsModel, in directory: String, base: String?) throws -> AdapterProof {
        let proof = try AdapterProof(model, base: base, path: directory, isTrained: false)
        guard let claim = try Claim(directory: directory) else { return proof }
        guard claim.fingerprint.utf8.elementsEqual(proof.fingerprint.utf8) else {
            throw AdapterError.otherBase(path: directory, recorded: claim.fingerprint, got: proof.fingerprint)
        }
        // Other numbers of threads and other processors add in another order.
        let tolerance = 1e-3 * claim.logitsChange + 1e-5 * (1 + proof.logitsScale)
        guard abs(proof.totalNorm - claim.totalNorm) <= 1e-4 * claim.totalNorm,
            abs(proof.logitsChange - claim.logitsChange) <= tolerance
        else {
            throw AdapterError.notProven(
                path: directory,
                problem:
                    "the adapter's change is \(proof.totalNorm) and moves the logits by \(proof.logitsChange), its "
                    + "proof says \(claim.totalNorm) and \(claim.logitsChange)",
                remedy: "one of the directory's files was changed: use another checkpoint")
        }
        return proof
    }
}

extension HiggsModel {
    /// ‖W − W of the base‖ of each module that is trained whole.
    func savedModuleChanges() throws -> [AdapterProof.Change] {
        guard let files = parameters.files else { return [] }
        var squares: [(module: String, sum: Double)] = []
        for entry in parameters.entries where entry.isBase && entry.isTrained {
            guard let tensor = files.tensor(entry.name) else { continue }
            let values = parameters.values(entry)
            var sum = 0.0, place = 0
            try withExtendedLifetime(files) {
                try tensor.forEachPiece { piece in
                    for (a, b) in zip(values[place...], piece) { sum += Double(a - b) * Double(a - b) }
                    place += piece.count
                }
            }
            let module = config.layout.module(of: entry.key)
            if squares.last?.module == module {
                squares[squares.count - 1].sum += sum
            } else {
                squares.append((module, sum))
            }
        }
        return squares.map { AdapterProof.Change(module: $0.module, norm: $0.sum.squareRoot()) }
    }
}

extension SafetensorsTensor {
    /// Hands the values over as floats, piece by piece.
    func forEachPiece(_ body: (UnsafeBufferPointer<Float>) throws -> Void) throws {
        let length = 1 << 18
        let buffer = UnsafeMutableBufferPointer<Float>.allocate(
            capacity: StoredMatrix.takes(elementType) ? length : count)
        defer { buffer.deallocate() }
        guard StoredMatrix.takes(elementType), let source = bytes.baseAddress, let target = buffer.baseAddress else {
            try copyFloats(into: buffer)
            return try body(UnsafeBufferPointer(buffer))
        }
        for start in stride(from: 0, to: count, by: length) {
            let size = min(length, count - start)
            widen(source + start * elementType.byteCount, elementType, count: size, into: target)
            try body(UnsafeBufferPointer(rebasing: buffer[..<size]))
        }
    }
}

extension TrainedParts {
    /// As findings add it: `: an adapter of rank 8 on 84 modules`, `; frozen: tower`; empty where everything is trained.
    var description: String {
        if let adapter {
            let saved = adapter.savedModules.isEmpty ? "" : " and \(adapter.savedModules.count) modules whole"
            return ": an adapter of rank \(adapter.options.r) on \(adapter.targets.count) modules\(saved)"
        }
        let names = ParameterGroup.allCases.filter(frozen.contains).map(\.rawValue)
        return names.isEmpty ? "" : "; frozen: \(names.joined(separator: ", "))"
    }
}
