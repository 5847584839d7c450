// The one table of the tensors of a Higgs tokenizer checkpoint (transformers 5.23, HiggsAudioV2TokenizerModel): keys and
// shapes follow from the config alone. Reading lies in HiggsWeights.swift.

/// The name and shape of a tensor, and how it is stored.
package struct TensorSpec: Sendable, Equatable {
    package var name: String
    package var shape: [Int]
    /// Where the tensor is a product of a magnitude and a direction (weight norm), the axis that the magnitude keeps.
    /// The checkpoint then may hold `original0` and `original1`, or the folded weight.
    package var normAxis: Int?
    /// Whether the model can do without it: the semantic decoder, fc1, and what only training uses.
    package var isUnused = false
}

extension HiggsConfig {
    /// Channels of the acoustic encoder before each block, and after the last.
    var encoderWidths: [Int] { (0...acoustic.downsampling.count).map { acoustic.encoderChannels << $0 } }
    /// Channels of the acoustic decoder before each block, and after the last.
    var decoderWidths: [Int] { (0...acoustic.upsampling.count).map { acoustic.decoderChannels >> $0 } }

    /// Every tensor that the checkpoint may hold.
    package var tensors: [TensorSpec] {
        acousticEncoderTensors + acousticDecoderTensors + semanticModelTensors
            + semanticCodecTensors(encoder: true) + semanticCodecTensors(encoder: false) + quantizerTensors
            + [
                TensorSpec(name: "fc.weight", shape: [hidden, hidden]), TensorSpec(name: "fc.bias", shape: [hidden]),
                TensorSpec(name: "fc1.weight", shape: [semantic.hidden, hidden], isUnused: true),
                TensorSpec(name: "fc1.bias", shape: [semantic.hidden], isUnused: true),
                TensorSpec(name: "fc2.weight", shape: [acoustic.hidden, hidden]),
                TensorSpec(name: "fc2.bias", shape: [acoustic.hidden]),
            ]
    }

    private func convolution(_ name: String, _ shape: [Int], bias: Int?, normAxis: Int? = nil) -> [TensorSpec] {
        [TensorSpec(name: name + ".weight", shape: shape, normAxis: normAxis)]
            + (bias.map { [TensorSpec(name: name + ".bias", shape: [$0])] } ?? [])
    }

    private func snake(_ name: String, _ width: Int) -> [TensorSpec] {
        [TensorSpec(name: name + ".alpha", shape: [1, width, 1])]
    }

    private func residualUnits(_ block: String, _ width: Int) -> [TensorSpec] {
        (1...3).flatMap { unit in
            let name = "\(block).res_unit\(unit)"
            return snake("\(name).snake1", width)
                + convolution("\(name).conv1", [width, width, 7], bias: width, normAxis: 0)
                + snake("\(name).snake2", width)
                + convolution("\(name).conv2", [width, width, 1], bias: width, normAxis: 0)
        }
    }

    private var acousticEncoderTensors: [TensorSpec] {
        let root = "acoustic_encoder", widths = encoderWidths
        var specs = convolution("\(root).conv1", [widths[0], 1, 7], bias: widths[0], normAxis: 0)
        for (i, stride) in acoustic.downsampling.enumerated() {
            let block = "\(root).block.\(i)"
            specs += residualUnits(block, widths[i]) + snake("\(block).snake1", widths[i])
            specs += convolution(
                "\(block).conv1", [widths[i + 1], widths[i], 2 * stride], bias: widths[i + 1], normAxis: 0)
        }
        let last = widths[widths.count - 1]
        return specs + snake("\(root).snake1", last)
            + convolution("\(root).conv2", [acoustic.hidden, last, 3], bias: acoustic.hidden, normAxis: 0)
    }

    private var acousticDecoderTensors: [TensorSpec] {
        let root = "acoustic_decoder", widths = decoderWidths
        var specs = convolution("\(root).conv1", [widths[0], acoustic.hidden, 7], bias: widths[0], normAxis: 0)
        for (i, stride) in acoustic.upsampling.enumerated() {
            let block = "\(root).block.\(i)"
            specs += snake("\(block).snake1", widths[i])
            // A transposed convolution's weight is (in, out, kernel).
            specs += convolution(
                "\(block).conv_t1", [widths[i], widths[i + 1], 2 * stride], bias: widths[i + 1], normAxis: 0)
            specs += residualUnits(block, widths[i + 1])
        }
        let last = widths[widths.count - 1]
        return specs + snake("\(root).snake1", last)
            + convolution("\(root).conv2", [1, last, 7], bias: 1, normAxis: 0)
    }

    private var semanticModelTensors: [TensorSpec] {
        let root = "semantic_model", width = semantic.hidden
        var specs: [TensorSpec] = []
        func norm(_ name: String, _ width: Int) {
            specs += [
                TensorSpec(name: name + ".weight", shape: [width]), TensorSpec(name: name + ".bias", shape: [width]),
            ]
        }
        func linear(_ name: String, _ output: Int, _ input: Int) {
            specs += convolution(name, [output, input], bias: output)
        }
        for (i, channels) in semantic.convolutionChannels.enumerated() {
            let input = i == 0 ? 1 : semantic.convolutionChannels[i - 1]
            let name = "\(root).feature_extractor.conv_layers.\(i)"
            specs += convolution(
                "\(name).conv", [channels, input, semantic.convolutionKernels[i]],
                bias: semantic.convolutionBias ? channels : nil)
            if i == 0 { norm("\(name).layer_norm", channels) }
        }
        let features = semantic.convolutionChannels[semantic.convolutionChannels.count - 1]
        if semantic.projectionNorm { norm("\(root).feature_projection.layer_norm", features) }
        linear("\(root).feature_projection.projection", width, features)
        specs += convolution(
            "\(root).encoder.pos_conv_embed.conv",
            [width, width / semantic.positionGroups, semantic.positionKernel], bias: width, normAxis: 2)
        norm("\(root).encoder.layer_norm", width)
        for i in 0..<semantic.layers {
            let layer = "\(root).encoder.layers.\(i)"
            for name in ["q_proj", "k_proj", "v_proj", "out_proj"] {
                linear("\(layer).attention.\(name)", width, width)
            }
            norm("\(layer).layer_norm", width)
            linear("\(layer).feed_forward.intermediate_dense", semantic.feedForward, width)
            linear("\(layer).feed_forward.output_dense", width, semantic.feedForward)
            norm("\(layer).final_layer_norm", width)
        }
        // Only training masks.
        specs.append(TensorSpec(name: "\(root).masked_spec_embed", shape: [width], isUnused: true))
        return specs
    }

    /// The semantic encoder, or the semantic decoder, which only training needs.
    private func semanticCodecTensors(encoder: Bool) -> [TensorSpec] {
        let root = encoder ? "encoder_semantic" : "decoder_semantic"
        let settings = semanticEncoder, width = semantic.hidden
        var specs: [TensorSpec] = []
        func units(_ block: String, _ width: Int) {
            for unit in settings.dilations.indices {
                let name = "\(block).res_units.\(unit)"
                specs += convolution("\(name).conv1", [width, width, settings.unitKernel], bias: nil)
                specs += convolution("\(name).conv2", [width, width, 1], bias: nil)
            }
        }
        if encoder {
            specs += convolution("\(root).conv", [width, width, settings.kernel], bias: nil)
            var input = width
            for (i, stride) in settings.strides.enumerated() {
                let block = "\(root).conv_blocks.\(i)", output = settings.channels[i]
                units(block, input)
                specs += convolution("\(block).conv", [output, input, stride == 1 ? 3 : 2 * stride], bias: output)
                input = output
            }
            return specs
        }
        specs += convolution("\(root).conv1", [settings.channels[0], width, settings.kernel], bias: nil)
        for (i, stride) in settings.strides.enumerated() {
            let block = "\(root).conv_blocks.\(i)", input = settings.channels[i]
            let output = i + 1 < settings.channels.count ? settings.channels[i + 1] : width
            specs +=
                stride == 1
                ? convolution("\(block).conv", [output, input, 3], bias: output)
                : convolution("\(block).conv", [input, output, 2 * stride], bias: nil)
            units(block, output)
        }
        specs += convolution("\(root).conv2", [width, width, settings.kernel], bias: nil)
        for i in specs.indices { specs[i].isUnused = true }
        return specs
    }

    private var quantizerTensors: [TensorSpec] {
        (0..<quantizers).flatMap { stage in
            let name = "quantizer.quantizers.\(stage)"
            let book = [codebookSize, codebookChannels]
            return convolution("\(name).project_in", [codebookChannels, hidden], bias: codebookChannels)
                + convolution("\(name).project_out", [hidden, codebookChannels], bias: hidden)
                + [
                    TensorSpec(name: "\(name).codebook.embed", shape: book),
                    TensorSpec(name: "\(name).codebook.embed_avg", shape: book, isUnused: true),
                    TensorSpec(name: "\(name).codebook.cluster_size", shape: [codebookSize], isUnused: true),
                    TensorSpec(name: "\(name).codebook.inited", shape: [1], isUnused: true),
                ]
        }
    }
}
