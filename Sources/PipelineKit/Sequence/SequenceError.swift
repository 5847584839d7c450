// Why a sample cannot become a merged sequence.

/// An error of one sample, named by its id.
public struct SequenceError: PersonReadable, Equatable {
    public enum Reason: Sendable, Equatable {
        case empty
        case labelCount(ids: Int, labels: Int)
        case placeholders(Int, clips: Int)
        case idOutOfVocabulary(Int32, at: Int, vocabulary: Int)
        case labelOutOfVocabulary(Int32, at: Int, vocabulary: Int)
        case codebooks(Int, clip: Int, expected: Int)
        case emptyClip(Int)
        case codeOutOfRange(UInt16, clip: Int, codebook: Int, frame: Int, size: Int)
        case trainedReference(at: Int)
        case missingFeatures(references: Int)
        case featureClips(Int, references: Int)
        case features(String)
    }

    /// The sample's id.
    public var id: String
    public var reason: Reason

    public init(id: String, _ reason: Reason) {
        self.id = id
        self.reason = reason
    }

    public var failure: Failure {
        let (what, remedy) = text
        return Failure(.badData, what, at: "sample '\(id.escapedForTerminal)'", remedy: remedy)
    }

    private var text: (what: String, remedy: String?) {
        let rerun = "rerun the stage that wrote it, or train a model with these sizes"
        switch reason {
        case .empty: return ("it has no ids", nil)
        case .labelCount(let ids, let labels): return ("\(labels) labels for \(ids) ids", "rerun ingest")
        case .placeholders(let placeholders, let clips):
            return ("\(placeholders) audio placeholders, but codes of \(clips) clips", "rerun tokenize on this data")
        case .idOutOfVocabulary(let id, let place, let vocabulary):
            return ("id \(id) at \(place) is not below the model's vocabulary of \(vocabulary)", rerun)
        case .labelOutOfVocabulary(let id, let place, let vocabulary):
            return ("label \(id) at \(place) is not below the model's vocabulary of \(vocabulary)", rerun)
        case .codebooks(let codebooks, let clip, let expected):
            return ("clip \(clip) has \(codebooks) codebooks, the model has \(expected)", rerun)
        case .emptyClip(let clip): return ("clip \(clip) has no code frames", "rerun tokenize on this data")
        case .codeOutOfRange(let code, let clip, let codebook, let frame, let size):
            return ("code \(code) of clip \(clip), codebook \(codebook), frame \(frame) is not below \(size)", rerun)
        case .trainedReference(let place):
            return ("the reference placeholder at \(place) is labelled; only assistant turns are trained", nil)
        case .missingFeatures(let references):
            return ("\(references) references, but no audio features for the model's tower", "run featurize")
        case .featureClips(let clips, let references):
            return ("features of \(clips) clips for \(references) references", "rerun featurize on this data")
        case .features(let text): return (text, "rerun featurize on this data")
        }
    }
}
