// The tensors that an architecture has, with their shapes.

extension ModelConfig {
    /// K + 2: a codebook's classes, bos and eos included.
    var codebookClasses: Int { codebookSize + 2 }

    /// Every tensor and its shape, in the order of computation.
    var parameterShapes: [(key: ParameterKey, shape: [Int])] {
        var shapes: [(key: ParameterKey, shape: [Int])] = []
        if let tower { shapes += towerShapes(tower) }
        shapes.append((.textEmbedding, [vocabularySize, width]))
        shapes.append((.codeEmbedding, [codebooks * codebookClasses, width]))
        for layer in 0..<layers {
            for tensor in ParameterKey.LayerTensor.allCases where !tensor.isAudio || dualLayers.contains(layer) {
                shapes.append((.layer(layer, tensor), shape(of: tensor)))
            }
        }
        shapes.append((.finalNorm, [width]))
        if hasTextHead { shapes.append((.textHead, [vocabularySize, width])) }
        shapes.append((.audioHead, [codebooks * codebookClasses, width]))
        return shapes
    }

    private func shape(of tensor: ParameterKey.LayerTensor) -> [Int] {
        switch tensor {
        case .query: [heads * headWidth, width]
        case .key, .value: [keyValueHeads * headWidth, width]
        case .output: [width, heads * headWidth]
        case .gate, .up: [feedForwardWidth, width]
        case .down: [width, feedForwardWidth]
        case .audioGate, .audioUp: [audioFeedForwardWidth, width]
        case .audioDown: [width, audioFeedForwardWidth]
        case .inputNorm, .postNorm, .audioInputNorm, .audioPostNorm: [width]
        }
    }

    private func towerShapes(_ tower: Tower) -> [(key: ParameterKey, shape: [Int])] {
        let width = tower.width, wide = tower.feedForwardWidth
        var shapes: [(key: ParameterKey, shape: [Int])] = ParameterKey.TowerTensor.allCases.map { tensor in
            switch tensor {
            case .conv1Weight: (.tower(tensor), [width, tower.melBins, Convolution.width])
            case .conv2Weight: (.tower(tensor), [width, width, Convolution.width])
            case .positions: (.tower(tensor), [tower.maximumPositions, width])
            case .projectorWeight: (.tower(tensor), [self.width, width])
            case .projectorBias: (.tower(tensor), [self.width])
            case .conv1Bias, .conv2Bias, .normWeight, .normBias: (.tower(tensor), [width])
            }
        }
        for layer in 0..<tower.layers {
            for tensor in ParameterKey.TowerLayerTensor.allCases {
                let shape =
                    switch tensor {
                    case .queryWeight, .keyWeight, .valueWeight, .outputWeight: [width, width]
                    case .expandWeight: [wide, width]
                    case .contractWeight: [width, wide]
                    case .expandBias: [wide]
                    case .queryBias, .valueBias, .outputBias, .contractBias, .attentionNormWeight,
                        .attentionNormBias, .finalNormWeight, .finalNormBias:
                        [width]
                    }
                shapes.append((.towerLayer(layer, tensor), shape))
            }
        }
        return shapes
    }
}

extension ParameterKey {
    /// The sinusoids of the tower are never trained.
    var isTrainable: Bool { self != .tower(.positions) }
}
