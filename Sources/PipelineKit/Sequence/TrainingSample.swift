// One row of the data as the model takes it, before its placeholders are expanded; and what a model says about ids.

/// The ids and sizes that both the data and the model must agree on to form a merged sequence.
public struct SequenceFormat: Sendable, Equatable {
    /// V: text ids are below.
    public var vocabularySize: Int
    /// The id of `<|AUDIO|>`; nil where the model has none (no references).
    public var audioInID: Int32?
    /// The id of `<|AUDIO_OUT|>`.
    public var audioOutID: Int32
    /// K: codes are below; bos and eos come on top.
    public var codebookSize: Int
    /// Q, bos and eos.
    public var delay: DelayPattern
    /// Whether `<|AUDIO|>` also stands for feature positions.
    public var hasTower: Bool
    /// M, the mel bins that the tower takes; 0 without a tower.
    public var melBins: Int

    public init(
        vocabularySize: Int, audioInID: Int32?, audioOutID: Int32, codebookSize: Int, delay: DelayPattern,
        hasTower: Bool, melBins: Int
    ) {
        self.vocabularySize = vocabularySize
        self.audioInID = audioInID
        self.audioOutID = audioOutID
        self.codebookSize = codebookSize
        self.delay = delay
        self.hasTower = hasTower
        self.melBins = melBins
    }
}

/// The log-mel chunks of a sample's reference clips, as the features shards hold them.
public struct FeatureChunks: Sendable, Equatable {
    /// Frames of a full chunk: 30 s at 100 frames a second.
    public static let maximumFrames = 3_000

    /// M.
    public let melBins: Int
    /// F: stored frames of all chunks together.
    public let frames: Int
    /// Log-mel, bin by bin.
    public let values: [Float]  // (M, F)
    /// Where each chunk starts on the frame axis, and the end: chunks + 1 numbers.
    public let offsets: [Int]
    /// V of each chunk: its valid frames; at most 2 fewer than are stored.
    public let lengths: [Int]
    /// How many chunks each `<|AUDIO|>` has, in order; they add up to the number of chunks.
    public let chunksPerClip: [Int]

    public init(
        melBins: Int, frames: Int, values: [Float], offsets: [Int], lengths: [Int], chunksPerClip: [Int]
    ) {
        self.melBins = melBins
        self.frames = frames
        self.values = values
        self.offsets = offsets
        self.lengths = lengths
        self.chunksPerClip = chunksPerClip
    }
}

/// One row: ids with placeholders, labels, the codes of its clips, the features of its references.
public struct TrainingSample: Sendable, Equatable {
    public var id: String
    /// Text ids with one placeholder a clip.
    public var inputIDs: [Int32]  // (T)
    /// Labels of the ids, `ignoredLabel` where nothing is learnt; a target clip's placeholder is labelled.
    public var labelIDs: [Int32]  // (T)
    /// One a placeholder of either kind, in order.
    public var clips: [RawCodes]
    /// nil where there are none, or the model has no tower.
    public var features: FeatureChunks?

    public init(id: String, inputIDs: [Int32], labelIDs: [Int32], clips: [RawCodes], features: FeatureChunks? = nil) {
        self.id = id
        self.inputIDs = inputIDs
        self.labelIDs = labelIDs
        self.clips = clips
        self.features = features
    }
}
