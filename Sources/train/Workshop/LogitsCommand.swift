// train logits: the probe's sequence and its logits as a file, for the comparison with other implementations; hidden from
// the help.

import ArgumentParser
import PipelineKit

struct LogitsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logits", abstract: "Writes a made-up sequence and its logits.", shouldDisplay: false)

    @Option(help: ArgumentHelp("The model.", valueName: "dir"))
    var model: String

    @Option(help: ArgumentHelp("An adapter on it.", valueName: "dir"))
    var adapter: String?

    @Option(help: ArgumentHelp("The safetensors file to write.", valueName: "file"))
    var output: String

    func run() throws {
        let model =
            try adapter.map { try HiggsModel(loading: self.model, adapter: $0) }
            ?? HiggsModel(loading: self.model, parts: .nothing)
        let format = model.config.sequenceFormat
        let batch = try LogitsProbe.batch(format)
        let states = model.states(batch)
        let codebooks = batch.codebooks, columns = batch.audioOutIDs.count / codebooks
        var writer = SafetensorsWriter()
        writer.add("input_ids", shape: [batch.positions], batch.inputIDs)
        // Code positions by what they are: 0 text or feature, 1 reference, 2 answer.
        writer.add(
            "kinds", shape: [batch.positions], batch.kinds.map { UInt8($0 == .audioIn ? 1 : $0 == .audioOut ? 2 : 0) })
        writer.add("audio_out_ids", shape: [codebooks, columns], batch.audioOutIDs)
        writer.add("audio_in_ids", shape: [codebooks, batch.audioInIDs.count / codebooks], batch.audioInIDs)
        if model.config.hasTextHead {
            writer.add("text_logits", shape: [batch.positions, format.vocabularySize], states.textLogits)
        }
        writer.add(
            "audio_logits", shape: [batch.positions, codebooks, model.config.codebookClasses], states.audioLogits)
        try writer.write(to: output)
    }
}
