// Checkpoints of the Higgs tokenizer that are stored otherwise, incomplete, damaged or of another model, and clips and codes
// that it cannot take: a clear error, never wrong codes.

import Foundation
import PipelineKit
import TestSupport
import Testing

@testable import Codecs

/// A checkpoint in memory, to be changed and written.
private struct Checkpoint {
    struct Tensor {
        var name: String, type: String, shape: [Int], bytes: [UInt8]
    }

    var config: JSONValue
    var tensors: [Tensor]

    /// The fixture's.
    init() throws {
        config = try codecConfig(fixture("codec/checkpoint/config.json"))
        let file = try SafetensorsFile(path: fixture("codec/checkpoint/model.safetensors"))
        tensors = try file.tensors.map { tensor in
            let values = try file.floats(tensor.name)
            return Tensor(
                name: tensor.name, type: "F32", shape: tensor.shape, bytes: values.withUnsafeBytes(Array.init))
        }
    }

    func floats(_ name: String) throws -> [Float] {
        let tensor = try #require(tensors.first { $0.name == name })
        return tensor.bytes.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    }

    mutating func set(_ name: String, _ values: [Float], shape: [Int]) {
        tensors.removeAll { $0.name == name }
        tensors.append(Tensor(name: name, type: "F32", shape: shape, bytes: values.withUnsafeBytes(Array.init)))
    }

    mutating func set(_ path: String..., to value: JSONValue) {
        func changed(_ json: JSONValue, _ rest: ArraySlice<String>) -> JSONValue {
            guard let key = rest.first, var object = json.objectValue else { return value }
            object[key] = changed(object[key] ?? .null, rest.dropFirst())
            return .object(object)
        }
        config = changed(config, path[...])
    }

    /// The bytes of the weights as a safetensors file.
    var weights: [UInt8] {
        var header = JSONObject(), offset = 0
        for tensor in tensors {
            header[tensor.name] = [
                "dtype": .string(tensor.type), "shape": .array(tensor.shape.map { .int($0) }),
                "data_offsets": [.int(offset), .int(offset + tensor.bytes.count)],
            ]
            offset += tensor.bytes.count
        }
        let text = Array(JSONValue.object(header).pythonDump().utf8)
        return withUnsafeBytes(of: UInt64(text.count).littleEndian, Array.init) + text + tensors.flatMap(\.bytes)
    }

    /// Writes a directory, opens it, and removes it.
    func open() throws -> any AudioCodec {
        try withTemporaryDirectory { directory in
            try AtomicFile.write(config.pythonDump().utf8, to: directory + "/config.json")
            try AtomicFile.write(weights, to: directory + "/model.safetensors")
            return try openCodec(directory)
        }
    }
}

private func failure<T>(_ body: () throws -> T) -> Failure? {
    do {
        _ = try body()
        return nil
    } catch {
        return Failure(error)
    }
}

private func wave(_ clip: Int) throws -> [Float] {
    try SafetensorsFile(path: fixture("codec/expected.safetensors")).floats("wave_\(clip)")
}

@Suite struct HiggsCheckpointTests {
    @Test func `the codec is opened by its model type and says what it is`() throws {
        let codec = try openCodec(fixture("codec/checkpoint"))
        #expect(codec is HiggsCodec)
        #expect(codec.record.name == "higgs_audio_v2_tokenizer" && codec.record.digest.count == 16)
        #expect(codec.sampleRate == 24_000 && codec.frameRate == 25)
        #expect(codec.codebooks == 8 && codec.codebookSize == 1_024)
    }

    @Test func `a downsampling that no number holds is refused by its key`() throws {
        var checkpoint = try Checkpoint()
        let ratios = JSONValue.array(Array(repeating: 64, count: 8))
        checkpoint.set("acoustic_model_config", "downsampling_ratios", to: ratios)
        checkpoint.set("acoustic_model_config", "upsampling_ratios", to: ratios)
        checkpoint.set("acoustic_model_config", "encoder_hidden_size", to: 1)
        checkpoint.set("acoustic_model_config", "decoder_hidden_size", to: 1_024)
        checkpoint.set("sample_rate", to: 1)
        checkpoint.set("semantic_sample_rate", to: 384_000)
        checkpoint.set("downsample_factor", to: 1)
        let refusal = failure { try checkpoint.open() }
        #expect(refusal?.what.hasPrefix("downsample_factor: ") == true, "\(String(describing: refusal))")
    }

    @Test func `rates that no resampler of any size joins, and strides that leave no frame, are refused by their keys`()
        throws
    {
        var checkpoint = try Checkpoint()
        checkpoint.set("semantic_sample_rate", to: 383_999)
        let refusal = failure { try checkpoint.open() }
        #expect(
            refusal?.what.hasPrefix("semantic_sample_rate: 24000 to 383999 Hz") == true,
            "\(String(describing: refusal))")

        checkpoint = try Checkpoint()
        checkpoint.set("semantic_model_config", "conv_stride", to: [255, 2, 2, 2, 2, 2, 2])
        let codec = try checkpoint.open()
        let short = failure { try codec.encode([Float](repeating: 0.1, count: 14_400)) }
        #expect(
            short?.what.contains("no HuBERT frame comes out of 9920 samples") == true, "\(String(describing: short))")
    }

    @Test func `float16 and bfloat16 give the codes of the same weights as float32`() throws {
        let original = try Checkpoint()
        for type in ["F16", "BF16"] {
            var short = original, long = original
            for i in original.tensors.indices {
                let values = try original.floats(original.tensors[i].name)
                let halves = values.map { value in
                    type == "F16" ? Float16(value).bitPattern : UInt16(truncatingIfNeeded: value.bitPattern >> 16)
                }
                let rounded = zip(values, halves).map { value, half in
                    type == "F16" ? Float(Float16(value)) : Float(bitPattern: UInt32(half) << 16)
                }
                short.tensors[i].type = type
                short.tensors[i].bytes = halves.withUnsafeBytes(Array.init)
                long.tensors[i].bytes = rounded.withUnsafeBytes(Array.init)
            }
            let codes = try short.open().encode(try wave(1))
            #expect(try codes == long.open().encode(try wave(1)))
            #expect(try codes != original.open().encode(try wave(1)))
        }
    }

    @Test(arguments: [
        ("parametrizations.weight.original0", "parametrizations.weight.original1"), ("weight_g", "weight_v"),
    ])
    func `weight norm is folded wherever the checkpoint has it`(magnitude: String, direction: String) throws {
        var checkpoint = try Checkpoint()
        let stems = [
            "acoustic_encoder.conv1", "acoustic_encoder.block.2.conv1", "acoustic_decoder.block.1.conv_t1",
            "acoustic_encoder.block.4.res_unit3.conv2",
        ]
        for stem in stems {
            let tensor = try #require(checkpoint.tensors.first { $0.name == "\(stem).weight" })
            let values = try checkpoint.floats(tensor.name), size = values.count / tensor.shape[0]
            let norms = (0..<tensor.shape[0]).map { row in
                Float(values[row * size..<(row + 1) * size].reduce(0.0) { $0 + Double($1 * $1) }.squareRoot())
            }
            checkpoint.tensors.removeAll { $0.name == tensor.name }
            checkpoint.set("\(stem).\(magnitude)", norms, shape: [tensor.shape[0], 1, 1])
            // The direction's length does not count.
            checkpoint.set("\(stem).\(direction)", values.map { $0 * 2.5 }, shape: tensor.shape)
        }
        // And the one that the checkpoint has, folded.
        let stem = "semantic_model.encoder.pos_conv_embed.conv"
        let g = try checkpoint.floats("\(stem).parametrizations.weight.original0")
        let v = try checkpoint.floats("\(stem).parametrizations.weight.original1")
        let taps = g.count
        let folded = v.enumerated().map { i, value in
            value * g[i % taps]
                / stride(from: i % taps, to: v.count, by: taps).reduce(0) { $0 + v[$1] * v[$1] }.squareRoot()
        }
        checkpoint.tensors.removeAll { $0.name.hasPrefix("\(stem).parametrizations") }
        checkpoint.set("\(stem).weight", folded, shape: [48, 12, taps])
        let codec = try checkpoint.open(), plain = try Checkpoint().open()
        for clip in 0..<3 {
            let codes = try plain.encode(try wave(clip))
            #expect(try codec.encode(try wave(clip)) == codes)
            let wrong = mismatch(
                "decoded", got: try codec.decode(codes), expected: try plain.decode(codes), tolerance: 1e-4,
                relative: true)
            #expect(wrong == nil)
        }
    }

    @Test func `missing, unexpected and mis-shaped tensors are listed together`() throws {
        var checkpoint = try Checkpoint()
        checkpoint.tensors.removeAll { ["fc.bias", "fc1.weight"].contains($0.name) }
        checkpoint.set("fc.extra", [1], shape: [1])
        checkpoint.set("fc2.bias", [1, 2], shape: [2])
        checkpoint.set("semantic_model.masked_spec_embed", Array(repeating: 0, count: 48), shape: [48])
        let told = try #require(failure { try checkpoint.open() })
        #expect(told.status == .badData)
        #expect(told.what.contains("missing 1: fc.bias;"), "\(told)")
        #expect(told.what.contains("unexpected 1: fc.extra;"))
        #expect(told.what.contains("of another shape or type 1: fc2.bias is F32 [2], expected F32, F16 or BF16 [32]"))
    }

    @Test func `what the model does not need may be absent`() throws {
        var checkpoint = try Checkpoint()
        checkpoint.tensors.removeAll { tensor in
            ["fc1.", "decoder_semantic."].contains { tensor.name.hasPrefix($0) }
                || ["cluster_size", "embed_avg", "inited"].contains { tensor.name.hasSuffix($0) }
        }
        let codes = try Checkpoint().open().encode(try wave(0))
        #expect(try checkpoint.open().encode(try wave(0)) == codes)
    }

    @Test(arguments: [Float.nan, .infinity, -.infinity]) func `a weight that is not finite is named`(value: Float)
        throws
    {
        for (name, place) in [("fc.weight", 17), ("acoustic_decoder.conv2.bias", 0), ("fc.bias", 79)] {
            var checkpoint = try Checkpoint()
            let shape = try #require(checkpoint.tensors.first { $0.name == name }).shape
            var values = try checkpoint.floats(name)
            values[place] = value
            checkpoint.set(name, values, shape: shape)
            let told = failure { try checkpoint.open() }
            #expect(told?.status == .badData && told?.what.contains("'\(name)' holds NaN or infinity") == true)
        }
    }

    @Test func `weights that make values overflow are noticed, not coded`() throws {
        var checkpoint = try Checkpoint()
        let weight = try checkpoint.floats("fc.weight")
        checkpoint.set("fc.weight", weight.map { $0 * 1e38 }, shape: [80, 80])
        let codec = try checkpoint.open()
        let told = failure { try codec.encode(try wave(0)) }
        #expect(told?.status == .badData && told?.what.contains("beyond the range of Float") == true)
    }

    @Test func `files that are cut, claim too much, or are not there are refused`() throws {
        let checkpoint = try Checkpoint()
        func open(_ files: [String: [UInt8]]) throws -> Failure? {
            try withTemporaryDirectory { directory in
                try AtomicFile.write(checkpoint.config.pythonDump().utf8, to: directory + "/config.json")
                for (name, bytes) in files { try AtomicFile.write(bytes, to: directory + "/" + name) }
                return failure { try openCodec(directory) }
            }
        }
        let weights = checkpoint.weights
        #expect(try open(["model.safetensors": Array(weights.dropLast(1))])?.status == .badData)
        #expect(try open(["model.safetensors": Array(weights.prefix(100))])?.status == .badData)
        var claims = weights
        claims[6] = 1
        #expect(try open(["model.safetensors": claims])?.status == .badData)
        let pickle = try open(["pytorch_model.bin": [0x80, 2]])
        #expect(pickle?.status == .badUsage && pickle?.what.contains("pytorch_model.bin") == true)
        #expect(pickle?.remedy?.contains("save_pretrained") == true)
        let sharded = try open([
            "model.safetensors.index.json": [0x7B, 0x7D], "model-00001-of-00002.safetensors": weights,
        ])
        #expect(sharded?.status == .badUsage && sharded?.what.contains("there is no model.safetensors, but") == true)
        #expect(try open([:])?.what == "there is no model.safetensors")
    }

    struct Change: Sendable, CustomTestStringConvertible {
        var path: [String], value: JSONValue, says: String
        init(_ path: String..., to value: JSONValue, says: String) {
            (self.path, self.value, self.says) = (path, value, says)
        }
        var testDescription: String { path.joined(separator: ".") + " = " + value.pythonDump() }
    }

    static let changes: [Change] = [
        Change(
            "acoustic_model_config", "model_type", to: "encodec", says: "acoustic_model_config.model_type is encodec"),
        Change("semantic_model_config", "model_type", to: "wavlm", says: "semantic_model_config.model_type is wavlm"),
        Change(
            "semantic_model_config", "feat_extract_norm", to: "layer", says: "feat_extract_norm layer is not supported"),
        Change(
            "semantic_model_config", "do_stable_layer_norm", to: true,
            says: "do_stable_layer_norm true is not supported"),
        Change(
            "semantic_model_config", "conv_pos_batch_norm", to: true, says: "conv_pos_batch_norm true is not supported"),
        Change("semantic_model_config", "hidden_act", to: "relu", says: "hidden_act relu is not supported"),
        Change("semantic_model_config", "feat_extract_activation", to: "gelu_new", says: "gelu_new is not supported"),
        Change("semantic_model_config", "num_attention_heads", to: 5, says: "num_attention_heads: does not divide 48"),
        Change(
            "semantic_model_config", "conv_stride", to: [5, 2], says: "conv_dim: 7 layers, but 7 kernels and 2 strides"),
        Change("semantic_model_config", to: 3, says: "semantic_model_config: not an object"),
        Change("acoustic_model_config", "upsampling_ratios", to: [8, 5], says: "not that of downsampling_ratios, 960"),
        Change(
            "acoustic_model_config", "encoder_hidden_size", to: 65_536, says: "doublings of the channels are too many"),
        Change("codebook_size", to: 0, says: "codebook_size: 0 is not a whole number from 2 to 65536"),
        Change("codebook_size", to: 1.5, says: "codebook_size: 1.5 is not a whole number"),
        Change("sample_rate", to: "fast", says: "sample_rate: \"fast\" is not a whole number"),
        Change("target_bandwidths", to: [], says: "target_bandwidths: not a list of numbers"),
        Change("target_bandwidths", to: [0.1], says: "make 0.0 codebooks"),
        Change("kernel_size", to: 4, says: "kernel_size: 4 is even"),
        Change("channel_ratios", to: [1], says: "channel_ratios: 1 of them for 2 strides"),
        Change("channel_ratios", to: [1, 2], says: "the last must yield the 48 channels"),
    ]

    @Test(arguments: changes) func `a config of something else is refused by name`(_ change: Change) throws {
        func changed(_ json: JSONValue, _ rest: ArraySlice<String>) -> JSONValue {
            guard let key = rest.first, var object = json.objectValue else { return change.value }
            object[key] = changed(object[key] ?? .null, rest.dropFirst())
            return .object(object)
        }
        let json = changed(try codecConfig(fixture("codec/checkpoint/config.json")), change.path[...])
        let told = try #require(failure { try HiggsConfig(json, path: "x/config.json") })
        #expect(told.status == .badUsage && told.location == "x/config.json")
        #expect(told.what.contains(change.says), "\(told)")
    }

    @Test func `what a config leaves out is what transformers assumes`() throws {
        let config = try HiggsConfig(
            ["model_type": "higgs_audio_v2_tokenizer", "target_bandwidths": [0.5, 1, 1.5, 2]], path: "config.json")
        // DAC's four ratios of the defaults make a hop of 320, 75 frames a second, 2000 / (75 · 10) = 2 stages.
        #expect(config.hopSamples == 320 && config.frameRate == 75 && config.codebooks == 2)
        #expect(config.semantic.layers == 12 && config.semantic.hidden == 768 && config.hidden == 1_024)
        #expect(config.codebookSize == 1_024 && config.codebookChannels == 64 && config.semanticDownsampling == 1)
        #expect(
            config.encoderWidths == [64, 128, 256, 512, 1_024] && config.decoderWidths == [1_024, 512, 256, 128, 64])
    }

    @Test func `clips that cannot be encoded are refused, silence is not`() throws {
        let codec = try #require(try openCodec(fixture("codec/checkpoint")) as? HiggsCodec)
        let short = failure { try codec.encode(Array(repeating: 0.1, count: 959)) }
        #expect(short?.status == .badData && short?.what == "959 samples are less than one frame of 960")
        let long = failure {
            try codec.encode(Array(repeating: 0, count: HiggsCodec.limitSeconds * codec.sampleRate + 1))
        }
        #expect(long?.status == .badData && long?.what.contains("limit of \(HiggsCodec.limitSeconds)") == true)
        var broken = try wave(0)
        broken[100] = .nan
        #expect(failure { try codec.encode(broken) }?.what == "sample 100 is NaN or infinite")
        for count in [960, 961, 1_439, 1_440, 1_919, 24_000] {
            let codes = try codec.encode(Array(repeating: 0, count: count))
            // HuBERT's strides make a frame of 320 samples at 16 kHz, its kernels take 400, 320 zeros are added; every
            // second frame is kept.
            let states = ((2 * count + 2) / 3 + 320 - 400) / 320 + 1
            #expect(codes.frames == (states + 1) / 2 && codes.codebooks == 8, "\(count) samples")
        }
    }

    @Test func `codes of another codec are refused`() throws {
        let codec = try openCodec(fixture("codec/checkpoint"))
        for codes in [
            RawCodes(codebooks: 7, frames: 1, values: Array(repeating: 0, count: 7)),
            RawCodes(codebooks: 8, frames: 0, values: []),
            RawCodes(codebooks: 8, frames: 1, values: Array(repeating: 1_024, count: 8)),
        ] {
            #expect(failure { try codec.decode(codes) }?.status == .badData)
        }
        #expect(try codec.decode(RawCodes(codebooks: 8, frames: 1, values: Array(repeating: 3, count: 8))).count == 960)
    }

    @Test func `many threads get the codes that one gets`() throws {
        let codec = try openCodec(fixture("codec/checkpoint"))
        let waves = try (0..<3).map(wave), alone = try waves.map(codec.encode)
        var next = 0, got: [RawCodes] = []
        try orderedMap(
            workers: 4,
            next: { () -> [Float]? in
                next += 1
                return next <= 12 ? waves[next % 3] : nil
            }, transform: { try codec.encode($0) }, drain: { got.append($0) })
        #expect(got == (1...12).map { alone[$0 % 3] })
    }
}
