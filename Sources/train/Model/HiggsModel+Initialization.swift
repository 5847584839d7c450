// A model at random: normal weights as transformers' `_init_weights` draws them, norms 1, biases 0, Whisper's sinusoids as
// the tower's positions. Every tensor has a stream of its own, so that its values depend on the seed and its name alone.

import PipelineKit
import Foundation

extension HiggsModel {
    /// A model at random: the same config and seed give the same values.
    convenience init(config: ModelConfig, seed: UInt64, parts: TrainedParts = .everything) {
        self.init(empty: config, parts: parts)
        for entry in parameters.entries {
            guard entry.isBase else {
                parameters.initializeAdapter(entry, seed: seed)
                continue
            }
            let values = parameters.values(entry)
            switch entry.key.initialization {
            case .zero: values.update(repeating: 0)
            case .one: values.update(repeating: 1)
            case .sinusoids: Self.fillSinusoids(values, columns: entry.shape[1])
            case .normal:
                var random = NormalRandom(seed: seed, stream: CheckpointLayout.original.name(of: entry.key))
                let deviation = entry.key.isTower ? config.tower?.initializerRange : config.initializerRange
                for i in values.indices { values[i] = (deviation ?? config.initializerRange) * random.next() }
            }
        }
    }

    /// Whisper's `sinusoids(length, channels)`: sines, then cosines, of timescales from 1 to 10,000.
    private static func fillSinusoids(_ values: UnsafeMutableBufferPointer<Float>, columns: Int) {
        let half = columns / 2
        let increment = log(10_000.0) / Double(max(1, half - 1))
        for position in 0..<values.count / columns {
            for i in 0..<half {
                let angle = Double(position) * exp(-increment * Double(i))
                values[position * columns + i] = Float(sin(angle))
                values[position * columns + half + i] = Float(cos(angle))
            }
        }
    }
}

extension ParameterKey {
    fileprivate enum Initialization {
        case zero, one, normal, sinusoids
    }

    fileprivate var initialization: Initialization {
        switch self {
        case .finalNorm: .one
        case .textEmbedding, .codeEmbedding, .textHead, .audioHead: .normal
        case .layer(_, .inputNorm), .layer(_, .postNorm), .layer(_, .audioInputNorm), .layer(_, .audioPostNorm): .one
        case .layer: .normal
        case .tower(.positions): .sinusoids
        case .tower(.normWeight), .towerLayer(_, .attentionNormWeight), .towerLayer(_, .finalNormWeight): .one
        case .adapter: .zero
        case .tower(let tensor): tensor.rawValue.hasSuffix(".bias") ? .zero : .normal
        case .towerLayer(_, let tensor): tensor.rawValue.hasSuffix(".bias") ? .zero : .normal
        }
    }

    fileprivate var isTower: Bool {
        switch self {
        case .tower, .towerLayer: true
        default: false
        }
    }
}

/// FNV-1a, 64 bits, of a name's UTF-8.
func fnv1a(_ name: String) -> UInt64 {
    name.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
}

/// Standard normal numbers: SplitMix64 (Steele et al., OOPSLA 2014) and the Box-Muller transform.
struct NormalRandom {
    private var state: UInt64
    private var spare: Float?

    /// Streams of different names are unrelated.
    init(seed: UInt64, stream name: String) {
        state = seed &* 0x9E37_79B9_7F4A_7C15 ^ fnv1a(name)
    }

    mutating func next() -> Float {
        if let value = spare {
            spare = nil
            return value
        }
        let radius = (-2 * log(uniform())).squareRoot(), angle = 2 * Double.pi * uniform()
        spare = Float(radius * sin(angle))
        return Float(radius * cos(angle))
    }

    /// In (0, 1].
    private mutating func uniform() -> Double {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        z ^= z >> 31
        return (Double(z >> 11) + 1) * 0x1p-53
    }
}
