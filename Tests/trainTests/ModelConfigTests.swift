import Foundation
import PipelineKit
import TestSupport
import Testing

@testable import train

@Suite struct ModelConfigTests {
    private func golden() throws -> JSONObject {
        let data = try Data(contentsOf: URL(fileURLWithPath: fixture("model/config.json")))
        return try #require(JSONValue(parsing: Array(data)).objectValue)
    }

    /// The golden config with one value replaced; dots descend.
    private func config(_ key: String, _ value: JSONValue?) throws -> ModelConfig {
        var document = try golden()
        let path = key.split(separator: ".").map(String.init)
        if path.count == 2 {
            var nested = try #require(document[path[0]]?.objectValue)
            nested[path[1]] = value
            document[path[0]] = .object(nested)
        } else {
            document[key] = value
        }
        return try ModelConfig(document: .object(document), location: "config.json")
    }

    @Test func `the golden config is read whole`() throws {
        let config = try ModelConfig(path: fixture("model/config.json"))
        #expect(config.layout == .original)
        #expect(config.vocabularySize == 903 && config.width == 64 && config.feedForwardWidth == 160)
        #expect(config.layers == 3 && config.heads == 4 && config.keyValueHeads == 2 && config.headWidth == 16)
        #expect(config.dualLayers == [0, 1, 2] && config.codebooks == 8 && config.codebookSize == 32)
        #expect(config.streamBOS == 32 && config.streamEOS == 33)
        #expect(config.audioInID == 901 && config.audioOutID == 902)
        #expect(config.ropeTheta == 500_000 && config.ropeScaling?.originalMaximumPositions == 1_024)
        #expect(config.tower?.width == 48 && config.tower?.layers == 2 && config.tower?.melBins == 128)
        #expect(config.sequenceFormat.hasTower)
    }

    @Test(
        arguments: [
            ("audio_adapter_type", "stack"), ("encode_audio_in_tokens", false), ("encode_audio_in_tokens", 0),
            ("use_delay_pattern", false), ("audio_embed_avg", true), ("audio_embed_avg", 1),
            ("audio_decoder_proj_num_layers", 2), ("use_audio_out_embed_projector", true),
            ("use_audio_out_self_attention", 1), ("use_rq_transformer", true), ("encode_whisper_embed", false),
            ("text_config.attention_bias", true), ("text_config.mlp_bias", true), ("text_config.hidden_act", "gelu"),
            ("text_config.attention_dropout", 0.1), ("audio_encoder_config.activation_function", "relu"),
            ("audio_encoder_config.dropout", 0.1),
        ] as [(String, JSONValue)])
    func `a variant that is not computed is refused by name`(key: String, value: JSONValue) throws {
        let error = #expect(throws: ModelConfigError.self) { try config(key, value) }
        #expect(error?.key == key)
        #expect(error?.description.contains("not supported") == true)
        #expect(error?.failure.status == .badUsage)
    }

    @Test(
        arguments: [
            ("model_type", "llama"), ("model_type", nil), ("text_config", nil), ("text_config.hidden_size", nil),
            ("text_config.hidden_size", "64"), ("text_config.num_key_value_heads", 3), ("text_config.head_dim", 15),
            ("text_config.vocab_size", -1), ("audio_stream_bos_id", 5), ("audio_stream_eos_id", 32),
            ("audio_out_token_idx", 901), ("audio_out_token_idx", 903), ("audio_ffn_hidden_size", 32),
            ("audio_dual_ffn_layers", [3]), ("audio_dual_ffn_layers", nil), ("use_rq_transformer", "no"),
            ("audio_encoder_config.max_source_positions", 750), ("audio_encoder_config.encoder_attention_heads", 5),
            ("audio_encoder_config", nil),
        ] as [(String, JSONValue?)])
    func `a value that cannot be is refused by name`(key: String, value: JSONValue?) throws {
        let error = #expect(throws: ModelConfigError.self) { try config(key, value) }
        #expect(error?.key == key)
        #expect(error?.description.contains(key) == true)
    }

    @Test func `fast forward with every layer dual is dual_ffn under its own name`() throws {
        let fast = try config("audio_adapter_type", "dual_ffn_fast_forward")
        #expect(fast.dualLayers == [0, 1, 2])
        #expect(fast.document["audio_adapter_type"] == "dual_ffn_fast_forward")
        var document = try #require(fast.document.objectValue)
        document["audio_dual_ffn_layers"] = [0, 2]
        let error = #expect(throws: ModelConfigError.self) {
            try ModelConfig(document: .object(document), location: "config.json")
        }
        #expect(error?.key == "audio_adapter_type")
    }

    @Test func `flags may be numbers and the tower may be absent`() throws {
        let config = try config("skip_audio_tower", 1)
        #expect(config.tower == nil && !config.sequenceFormat.hasTower)
        #expect(!config.parameterShapes.contains { $0.key == .tower(.conv1Weight) })
        #expect(try self.config("use_rq_transformer", 0) != config)
    }

    @Test func `a description fills in the records and refuses unknown keys`() throws {
        let config = try SmallModel.config(tower: true)
        #expect(config.vocabularySize == 40 && config.codebooks == 3 && config.tower?.melBins == 5)
        #expect(config.dualLayers == [0, 1])
        let mapping: JSONObject = ["hidden_size": 8, "num_hidden_layers": 1, "hiden": 3]
        let error = #expect(throws: ModelConfigError.self) {
            try ModelConfig(describing: mapping, records: SmallModel.records)
        }
        #expect(error?.key == "hiden")
        let short: JSONObject = ["hidden_size": 8, "num_hidden_layers": 1]
        let missing = #expect(throws: ModelConfigError.self) {
            try ModelConfig(describing: short, records: SmallModel.records)
        }
        #expect(missing?.reason == .missing)
    }

    @Test func `a config that is no JSON is named`() throws {
        try withTemporaryDirectory { directory in
            try AtomicFile.write("{".utf8, to: directory + "/config.json")
            let error = #expect(throws: Failure.self) { try ModelConfig(path: directory + "/config.json") }
            #expect(error?.status == .badUsage)
            #expect(error?.location == directory + "/config.json")
        }
    }
}
