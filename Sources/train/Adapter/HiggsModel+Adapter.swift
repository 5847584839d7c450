// The adapter of a model: its first values, its files in peft's format, and how large its change is.

import Foundation
import PipelineKit

extension ParameterStore {
    /// peft's first values: A uniform within 1 / √I (Kaiming with a = √5), B zero, so that the model is its base.
    func initializeAdapter(_ entry: Entry, seed: UInt64) {
        guard case .adapter(let key, let factor) = entry.key else { return }
        let values = values(entry)
        guard factor == .a else { return values.update(repeating: 0) }
        var random = SplitMix64(seed: seed, streams: [key.module])
        let bound = 1 / Double(entry.shape[1]).squareRoot()
        for i in values.indices { values[i] = Float((2 * random.uniform() - 1) * bound) }
    }
}

extension HiggsModel {
    static let adapterWeightsName = "adapter_model.safetensors"

    /// A base with a saved adapter on it.
    /// - Throws: `Failure` where a directory is none of the two; `AdapterError`, `CheckpointError`.
    convenience init(loading base: String, adapter: String) throws {
        _ = try RunSetup.architecture(base)
        let location = "\(adapter)/\(AdapterConfig.name)".escapedForTerminal
        let options = try AdapterConfig(directory: adapter).options
        let plan = try AdapterPlan(options, for: Self.open(base).config, location: location)
        try self.init(loading: base, parts: TrainedParts(adapter: plan))
        try loadAdapter(from: adapter)
    }

    /// What an adapter file holds: the factors, and the modules that are trained whole under peft's prefix.
    private var adapterEntries: [(name: String, entry: ParameterStore.Entry)] {
        parameters.entries.filter(\.isTrained)
            .map { ($0.isBase ? CheckpointLayout.adapterPrefix + $0.name : $0.name, $0) }
    }

    /// Writes adapter_model.safetensors and adapter_config.json into an existing directory.
    /// - Parameter base: where the base lies, for `base_model_name_or_path`.
    /// - Throws: `FileError`.
    func saveAdapter(to directory: String, base: String?) throws {
        guard let plan = parts.adapter else { preconditionFailure("the model has no adapter") }
        var writer = SafetensorsWriter()
        for (name, entry) in adapterEntries {
            writer.add(name, shape: entry.shape, borrowing: UnsafeBufferPointer(parameters.values(entry)))
        }
        try withExtendedLifetime(parameters) { try writer.write(to: directory + "/" + Self.adapterWeightsName) }
        let document = AdapterConfig.document(plan, layout: config.layout, base: base)
        try AtomicFile.write((document.pretty() + "\n").utf8, to: directory + "/" + AdapterConfig.name)
    }

    /// Takes over the values of an adapter directory that has this adapter's options.
    /// - Throws: `FileError`, `SafetensorsError`; `CheckpointError` that names every tensor that does not fit.
    func loadAdapter(from directory: String) throws {
        let file = try SafetensorsFile(path: directory + "/" + Self.adapterWeightsName)
        let entries = adapterEntries
        let error = CheckpointError(
            path: file.path, isAdapter: true, got: file.tensors, wanted: entries.map { ($0.name, $0.entry.shape) })
        if !error.isEmpty { throw error }
        try withExtendedLifetime(file) {
            for (name, entry) in entries { try file.tensor(name)?.copyFloats(into: parameters.values(entry)) }
        }
    }

    /// The first tensor, or the config, that a saved adapter does not have as this model has it; nil where all is the
    /// same.
    func firstAdapterDifference(savedIn directory: String) throws -> String? {
        let file = try SafetensorsFile(path: directory + "/" + Self.adapterWeightsName)
        return try withExtendedLifetime((file, parameters)) {
            for (name, entry) in adapterEntries
            where !file.holds(name, shape: entry.shape, UnsafeBufferPointer(parameters.values(entry))) {
                return name
            }
            guard file.tensors.count == adapterEntries.count else { return Self.adapterWeightsName }
            let saved = try AdapterConfig(directory: directory)
            guard let plan = parts.adapter, saved.options.targetModules == plan.pattern else {
                return AdapterConfig.name
            }
            return try AdapterPlan(saved.options, for: config, location: directory).describesSame(as: plan)
                ? nil : AdapterConfig.name
        }
    }

    /// ‖scale · B · A‖, Frobenius, of each module, by name, in the order of computation.
    ///
    /// ‖B·A‖² = Σ (BᵀB) ∘ (AAᵀ): two products of rank × rank, no ΔW.
    func adapterDeltas() -> [(module: String, norm: Double)] {
        guard let plan = parts.adapter else { return [] }
        let rank = plan.options.r
        return plan.targets.map { key in
            let a = parameters[.adapter(key, .a)].value, b = parameters[.adapter(key, .b)].value
            var total = 0.0
            for i in 0..<rank {
                for j in i..<rank {
                    var outer = 0.0, inner = 0.0
                    for c in 0..<a.columns { outer += Double(a.row(i)[c]) * Double(a.row(j)[c]) }
                    for o in 0..<b.rows { inner += Double(b.row(o)[i]) * Double(b.row(o)[j]) }
                    total += (i == j ? 1 : 2) * outer * inner
                }
            }
            return (config.layout.module(of: key), Double(plan.scale) * max(0, total).squareRoot())
        }
    }

    /// Runs `body` on the base alone. Modules that are trained whole stay as they are.
    func withoutAdapter<Result>(_ body: () throws -> Result) rethrows -> Result {
        parameters.workspace.appliesAdapters = false
        defer { parameters.workspace.appliesAdapters = true }
        return try body()
    }
}

extension AdapterPlan {
    /// Whether both compute the same, however their modules are written.
    func describesSame(as other: AdapterPlan) -> Bool {
        targets == other.targets && saved == other.saved && scale == other.scale && options.r == other.options.r
            && options.dropout == other.options.dropout
    }
}
