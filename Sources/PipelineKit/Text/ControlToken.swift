// The tokens that build a conversation, by the names that Higgs Audio v2 gives them in its vocabulary.

/// A token that the conversation's layout writes itself and that no text may hold.
public enum ControlToken: String, Sendable, CaseIterable {
    case beginOfText = "<|begin_of_text|>"
    case endOfText = "<|end_of_text|>"
    case startHeader = "<|start_header_id|>"
    case endHeader = "<|end_header_id|>"
    case endOfMessage = "<|eom_id|>"
    case endOfTurn = "<|eot_id|>"
    case recipient = "<|recipient|>"
    case audioBegin = "<|audio_bos|>"
    case audioEnd = "<|audio_eos|>"
    case audioOutBegin = "<|audio_out_bos|>"
    /// The placeholder of a clip that is heard.
    case audio = "<|AUDIO|>"
    /// The placeholder of a clip that is spoken.
    case audioOut = "<|AUDIO_OUT|>"
}
