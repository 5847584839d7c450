// Whether a model that is trained further reads the texts that it learnt from: prepared by the same rules.

import PipelineKit

extension RunSetup {
    /// A warning where the checkpoint that the run starts from was trained on texts that were normalized otherwise than
    /// those of the data; nil where they were not, or where the checkpoint does not say (published ones do not).
    var textWarning: String? {
        guard case .directory(let directory) = config.model else { return nil }
        return Self.textWarning(checkpoint: directory, text: records.text)
    }

    /// The same of any checkpoint, or adapter, and the text record of any data.
    static func textWarning(checkpoint directory: String, text: TextRecord?) -> String? {
        guard let text,
            let state = try? JSONValue(contentsOfFile: directory + "/" + TrainerState.fileName),
            let record = state["text"], let trained = try? TextRecord(json: record, path: directory),
            trained.normalization != text.normalization
        else { return nil }
        let place = directory.escapedForTerminal
        return "\(place) was trained on texts normalized by \(trained.normalization), those of the data are normalized "
            + "by \(text.normalization)"
    }
}
