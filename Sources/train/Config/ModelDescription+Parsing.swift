// Reads the mapping that describes a model to initialise at random, and fills what follows from the rest.

extension ModelDescription {
    /// - Parameter known: the paths of all keys of the config.
    init(_ section: ConfigSection<ModelKey>, known: [String]) throws {
        func size(_ key: ModelKey) throws -> Int {
            guard let value = try section.int(key, in: 1...1 << 24) else {
                throw ConfigError.missingKey(
                    section.name(key), file: section.file, remedy: "a model described here needs it")
            }
            return value
        }
        let isPositive = { (value: Double) in value > 0 }
        hiddenSize = try size(.hiddenSize)
        intermediateSize = try size(.intermediateSize)
        layerCount = try size(.layerCount)
        headCount = try size(.headCount)
        keyValueHeadCount = try section.int(.keyValueHeadCount, in: 1...headCount) ?? headCount
        if headCount % keyValueHeadCount != 0, let node = section.node(.keyValueHeadCount) {
            throw section.outOfRange(
                .keyValueHeadCount, node, expected: "a divisor of num_attention_heads, which is \(headCount)")
        }
        if let width = try section.int(.headWidth, in: 2...1 << 16) {
            headWidth = width
        } else if hiddenSize % headCount == 0 {
            headWidth = hiddenSize / headCount
        } else if let node = section.node(.headCount) {
            throw section.outOfRange(
                .headCount, node, expected: "a divisor of hidden_size, which is \(hiddenSize), unless head_dim is given"
            )
        }
        if headWidth % 2 != 0, let node = section.node(.headWidth) ?? section.node(.headCount) {
            throw section.outOfRange(
                section.node(.headWidth) == nil ? .headCount : .headWidth, node,
                expected: "an even head width, for its rotary halves; it would be \(headWidth)")
        }
        audioIntermediateSize = try section.int(.audioIntermediateSize, in: 1...1 << 24) ?? intermediateSize
        let layers = 0..<layerCount
        let expected = "a list of layers, 0 to \(layerCount - 1), each once"
        dualLayers =
            try section.list(.dualLayers, expected: expected) { node in
                ConfigSection<ModelKey>.wholeNumber(node).flatMap { layers.contains($0) ? $0 : nil }
            } ?? Array(layers)
        if Set(dualLayers).count != dualLayers.count, let node = section.node(.dualLayers) {
            throw section.outOfRange(.dualLayers, node, expected: expected)
        }
        ropeTheta = try section.number(.ropeTheta, "above 0", where: isPositive) ?? ropeTheta
        normEpsilon = try section.number(.normEpsilon, "above 0", where: isPositive) ?? normEpsilon
        initializerRange = try section.number(.initializerRange, "above 0", where: isPositive) ?? initializerRange
        maxPositions = try section.int(.maxPositions, in: 1...1 << 30) ?? maxPositions
        tower = try section.node(.tower).map {
            try TowerDescription(
                ConfigSection($0, path: section.name(.tower), file: section.file, known: known))
        }
    }
}

extension TowerDescription {
    init(_ section: ConfigSection<TowerKey>) throws {
        func size(_ key: TowerKey) throws -> Int {
            guard let value = try section.int(key, in: 1...1 << 24) else {
                throw ConfigError.missingKey(section.name(key), file: section.file, remedy: "a tower needs it")
            }
            return value
        }
        width = try size(.width)
        layerCount = try size(.layerCount)
        headCount = try size(.headCount)
        feedForwardWidth = try size(.feedForwardWidth)
        if width % headCount != 0, let node = section.node(.headCount) {
            throw section.outOfRange(.headCount, node, expected: "a divisor of d_model, which is \(width)")
        }
    }
}
