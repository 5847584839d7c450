// A conversation as the ids and labels that the model trains on, placeholders not yet expanded. Follows the original
// Higgs Audio v2 preparation (`prepare_chatml_sample`), id for id. What expands a placeholder: MergedSequence.
//
//   <|begin_of_text|>                                    before the first turn only
//   <|start_header_id|>ROLE<|end_header_id|>\n\n         a turn: header,
//   RECIPIENT<|recipient|>                               recipient (assistant only),
//   text … <|audio_bos|><|AUDIO|><|audio_eos|> …         items,
//   <|eot_id|>                                           end; <|eom_id|> before another assistant turn
//
// Header, recipient, each text and each placeholder group are tokenized by themselves and joined.

/// Who speaks in a turn.
public enum ConversationRole: String, Sendable, CaseIterable {
    case system, user, assistant
}

/// A part of a turn.
public enum ConversationItem: Sendable, Equatable {
    case text(String)
    /// A clip: heard in a user or system turn, spoken in an assistant's.
    case audio
}

/// One message of a conversation.
public struct ConversationTurn: Sendable, Equatable {
    public var role: ConversationRole
    /// To whom an assistant's turn is addressed; ignored for other roles.
    public var recipient: String?
    public var items: [ConversationItem]

    public init(role: ConversationRole, recipient: String? = nil, items: [ConversationItem]) {
        self.role = role
        self.recipient = recipient
        self.items = items
    }
}

/// A control token in a text, where only the layout may put one.
public struct ControlTokenIntrusion: PersonReadable, Equatable {
    /// The token as it stands in the text.
    public var token: String
    /// The 0-based index of the turn.
    public var turn: Int

    public var failure: Failure {
        Failure(.badData, "the text of message \(turn) holds the control token \(token.escapedForTerminal)")
    }
}

/// Turns conversations into ids and labels with one tokenizer.
public struct ConversationLayout: Sendable {
    /// The tokenizer of all texts.
    public let tokenizer: Tokenizer
    /// The ids of each role's header, newlines included.
    let headers: [ConversationRole: [Int32]]
    let beginOfText, recipient, endOfTurn, endOfMessage, audioBegin, audioOutBegin, audioEnd: Int32
    /// The ids of `<|AUDIO|>` and `<|AUDIO_OUT|>`.
    public let audio, audioOut: Int32

    /// - Throws: `TokenizerError` where the vocabulary lacks a control token that sequences need.
    /// - Parameter path: the tokenizer's file, for errors.
    public init(tokenizer: Tokenizer, path: String = "the tokenizer") throws {
        func id(_ token: ControlToken) throws -> Int32 {
            guard let id = tokenizer.record.controlTokens[token] else {
                throw TokenizerError(path: path, reason: .lacks(token))
            }
            return id
        }
        self.tokenizer = tokenizer
        let start = try id(.startHeader), end = try id(.endHeader)
        headers = Dictionary(
            uniqueKeysWithValues: ConversationRole.allCases.map { role in
                (role, [start] + tokenizer.encode(role.rawValue) + [end] + tokenizer.encode("\n\n"))
            })
        beginOfText = try id(.beginOfText)
        recipient = try id(.recipient)
        endOfTurn = try id(.endOfTurn)
        endOfMessage = try id(.endOfMessage)
        audioBegin = try id(.audioBegin)
        audioOutBegin = try id(.audioOutBegin)
        audioEnd = try id(.audioEnd)
        audio = try id(.audio)
        audioOut = try id(.audioOut)
    }

    /// The ids and labels of a conversation. Labelled is every id behind the header of an assistant turn at or after
    /// `startIndex`, and every recipient; elsewhere the label is `ignoredLabel`.
    ///
    /// - Parameter startIndex: the 0-based index of the first turn that is trained.
    /// - Throws: `ControlTokenIntrusion` where a text or a recipient holds an added token.
    public func sequence(of turns: [ConversationTurn], startIndex: Int = 0) throws -> ConversationSequence {
        var sequence = ConversationSequence()
        for (index, turn) in turns.enumerated() {
            func text(_ text: String) throws -> [Int32] {
                if let token = tokenizer.firstAddedToken(in: text) {
                    throw ControlTokenIntrusion(token: token, turn: index)
                }
                return tokenizer.encode(text)
            }
            func append(_ ids: [Int32], _ kind: ConversationPosition.Kind, isLabelled: Bool) {
                let position = ConversationPosition(kind: kind, role: turn.role, turn: index)
                sequence.append(ids, position, isLabelled: isLabelled)
            }
            let isAssistant = turn.role == .assistant
            let isTrained = isAssistant && index >= startIndex
            if index == 0 { append([beginOfText], .beginOfText, isLabelled: false) }
            append(headers[turn.role] ?? [], .header, isLabelled: false)
            if isAssistant, let name = turn.recipient {
                append(try text(name) + [recipient], .recipient, isLabelled: true)
            }
            for item in turn.items {
                switch item {
                case .text(let words): append(try text(words), .text, isLabelled: isTrained)
                case .audio:
                    append([isAssistant ? audioOutBegin : audioBegin], .audioDelimiter, isLabelled: isTrained)
                    append([isAssistant ? audioOut : audio], .placeholder, isLabelled: isTrained)
                    append([audioEnd], .audioDelimiter, isLabelled: isTrained)
                }
            }
            let isFollowed = isAssistant && index + 1 < turns.count && turns[index + 1].role == .assistant
            append([isFollowed ? endOfMessage : endOfTurn], .end, isLabelled: isTrained)
        }
        return sequence
    }
}
