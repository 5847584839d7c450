// One sample with its placeholders expanded: what the model computes on, position by position.

/// What stands at a position of a merged sequence.
public enum PositionKind: UInt8, Sendable, CaseIterable {
    /// A text id, `<|audio_bos|>` and its like included.
    case text
    /// A feature of the audio tower.
    case feature
    /// Delayed codes of a reference, bos and eos columns included.
    case audioIn
    /// Delayed codes of an assistant's clip, target or not, bos and eos columns included.
    case audioOut

    /// Whether the audio feed-forward and norms act here.
    public var isCode: Bool { self == .audioIn || self == .audioOut }
}

/// A sample, expanded.
public struct MergedSequence: Sendable, Equatable {
    public let id: String
    /// Ids; a placeholder's id stands at each of its positions.
    public internal(set) var inputIDs: [Int32] = []  // (T)
    /// Text labels at their own positions, not shifted; `ignoredLabel` at every feature and code position.
    public internal(set) var labelIDs: [Int32] = []  // (T)
    public internal(set) var kinds: [PositionKind] = []  // (T)
    /// The delayed codes of each reference.
    public internal(set) var audioIn: [DelayedCodes] = []
    /// The delayed codes of each assistant's clip.
    public internal(set) var audioOut: [DelayedCodes] = []
    /// The labels of each assistant's clip, not shifted.
    public internal(set) var audioLabels: [DelayedCodes] = []
    /// nil without a tower or without references.
    public internal(set) var features: FeatureChunks?

    /// T.
    public var count: Int { kinds.count }
}
