// The ids and labels of a conversation, and what stands at each of them.

/// What an id of a conversation is for.
public struct ConversationPosition: Sendable, Equatable {
    public enum Kind: String, Sendable {
        case beginOfText = "begin"
        /// The role between its marks, and the newlines behind.
        case header
        /// To whom an assistant's turn is addressed, its mark included.
        case recipient
        case text
        /// `<|audio_bos|>`, `<|audio_out_bos|>` or `<|audio_eos|>`.
        case audioDelimiter = "audio"
        /// `<|AUDIO|>` or `<|AUDIO_OUT|>`: one clip.
        case placeholder
        /// The end of the turn.
        case end
    }

    public var kind: Kind
    public var role: ConversationRole
    /// The 0-based index of the turn.
    public var turn: Int

    public init(kind: Kind, role: ConversationRole, turn: Int) {
        self.kind = kind
        self.role = role
        self.turn = turn
    }
}

/// A conversation, laid out.
public struct ConversationSequence: Sendable, Equatable {
    public private(set) var inputIDs: [Int32] = []  // (T)
    /// `ignoredLabel` where nothing is trained.
    public private(set) var labelIDs: [Int32] = []  // (T)
    public private(set) var positions: [ConversationPosition] = []  // (T)
    /// Of each clip, in order, whether it is a target: the label at its placeholder is not `ignoredLabel`.
    public private(set) var isTarget: [Bool] = []

    init() {}

    mutating func append(_ ids: [Int32], _ position: ConversationPosition, isLabelled: Bool) {
        inputIDs += ids
        labelIDs += isLabelled ? ids : Array(repeating: ignoredLabel, count: ids.count)
        positions += repeatElement(position, count: ids.count)
        if position.kind == .placeholder { isTarget.append(isLabelled) }
    }
}

extension ConversationLayout {
    /// What stands at each id of a stored sequence; nil from the first id on that this layout would not have written.
    public func explain(_ ids: [Int32]) -> [ConversationPosition?] {
        var positions: [ConversationPosition?] = []
        var rest = ids[...]
        var turn = 0
        while !rest.isEmpty {
            let begin = turn == 0 && rest.first == beginOfText ? 1 : 0
            let body = rest.dropFirst(begin)
            let header = ConversationRole.allCases.lazy.compactMap { role in
                headers[role].flatMap { body.starts(with: $0) ? (role: role, count: $0.count) : nil }
            }.first
            guard begin == 1 || turn > 0, let (role, headerCount) = header else { break }
            func append(_ kind: ConversationPosition.Kind, count: Int = 1) {
                let position: ConversationPosition? = ConversationPosition(kind: kind, role: role, turn: turn)
                positions += repeatElement(position, count: count)
                rest = rest.dropFirst(count)
            }
            append(.beginOfText, count: begin)
            append(.header, count: headerCount)
            let end = rest.firstIndex { $0 == endOfTurn || $0 == endOfMessage } ?? rest.endIndex
            if let mark = rest[..<end].firstIndex(of: recipient) {
                append(.recipient, count: mark + 1 - rest.startIndex)
            }
            while rest.startIndex < end, let id = rest.first {
                switch id {
                case audioBegin, audioOutBegin, audioEnd: append(.audioDelimiter)
                case audio, audioOut: append(.placeholder)
                default: append(.text)
                }
            }
            append(.end, count: min(1, rest.count))
            turn += 1
        }
        return positions + Array(repeating: nil, count: rest.count)
    }
}
