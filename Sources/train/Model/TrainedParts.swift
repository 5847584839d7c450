// What of a model is trained: everything, everything but some groups of tensors, or an adapter on a frozen base.

import PipelineKit

/// Tensors that are frozen together. Each tensor belongs to one group.
enum ParameterGroup: String, CaseIterable, Sendable {
    case textEmbedding = "text_embedding"
    case audioEmbedding = "audio_embedding"
    /// Attention of all layers and the final norm: what text and codes share.
    case attention
    /// The text feed-forwards and norms of all layers.
    case textLayers = "text_layers"
    /// The audio feed-forwards and norms of the dual layers.
    case audioLayers = "audio_layers"
    case textHead = "text_head"
    case audioHead = "audio_head"
    /// The audio tower and its projector.
    case tower

    /// The words of `training.freeze` and the groups that each stands for.
    static let words: [(word: String, groups: [ParameterGroup])] =
        [("embeddings", [.textEmbedding, .audioEmbedding]), ("heads", [.textHead, .audioHead])]
        + allCases.map { ($0.rawValue, [$0]) }
}

extension ParameterKey {
    /// The group of a tensor; an adapter's factor belongs to that of its weight.
    var group: ParameterGroup {
        switch self {
        case .textEmbedding: .textEmbedding
        case .codeEmbedding: .audioEmbedding
        case .finalNorm: .attention
        case .textHead: .textHead
        case .audioHead: .audioHead
        case .layer(_, let tensor):
            tensor.isAudio ? .audioLayers : tensor.rawValue.hasPrefix("self_attn.") ? .attention : .textLayers
        case .tower, .towerLayer: .tower
        case .adapter(let key, _): key.group
        }
    }

    /// A number of the tensor that does not depend on the layout or on which others there are.
    var module: UInt64 { fnv1a(CheckpointLayout.original.name(of: self)) }
}

/// What of a model is trained.
struct TrainedParts: Sendable, Equatable {
    var frozen: Set<ParameterGroup> = []
    /// With an adapter, the base is frozen but for its `modules_to_save`.
    var adapter: AdapterPlan?

    static let everything = TrainedParts()

    /// Whether a tensor of the base gets gradients.
    func trains(_ key: ParameterKey) -> Bool {
        if let adapter { return adapter.saved.contains(key) }
        return key.isTrainable && !frozen.contains(key.group)
    }
}

extension HiggsModel {
    /// The tensors of a model: where each lies, and whether it is trained.
    /// - Parameter files: the base's weights; nil for a model at random.
    static func tensors(_ config: ModelConfig, parts: TrainedParts, files: SafetensorsSet?) -> [TensorPlan] {
        var tensors: [TensorPlan] = []
        for (key, shape) in config.parameterShapes {
            let name = config.layout.name(of: key)
            let source = files?.tensor(name)
            let type = source?.elementType ?? .float32
            let isTrained = parts.trains(key)
            let isMapped = !isTrained && key.isUsedInPlace && StoredMatrix.takes(type)
            tensors.append(
                TensorPlan(
                    key: key, name: name, shape: shape, isTrained: isTrained, storedType: type,
                    mapped: isMapped ? source : nil))
        }
        guard let adapter = parts.adapter else { return tensors }
        let shapes = Dictionary(uniqueKeysWithValues: config.parameterShapes.map { ($0.key, $0.shape) })
        for target in adapter.targets {
            guard let shape = shapes[target] else { continue }
            for factor in ParameterKey.AdapterFactor.allCases {
                let key = ParameterKey.adapter(target, factor)
                tensors.append(
                    TensorPlan(
                        key: key, name: config.layout.name(of: key),
                        shape: factor == .a ? [adapter.options.r, shape[1]] : [shape[0], adapter.options.r],
                        isTrained: true))
            }
        }
        return tensors
    }

    /// The lowest layer with anything trained in it or below it; the number of layers where only heads are.
    static func lowestTrainedLayer(_ parameters: ParameterStore, layers: Int) -> Int {
        func layer(_ key: ParameterKey) -> Int {
            switch key {
            case .layer(let index, _): index
            case .finalNorm, .textHead, .audioHead: layers
            case .textEmbedding, .codeEmbedding, .tower, .towerLayer: 0
            case .adapter(let key, _): layer(key)
            }
        }
        return parameters.entries.filter(\.isTrained).map { layer($0.key) }.min() ?? layers
    }
}
