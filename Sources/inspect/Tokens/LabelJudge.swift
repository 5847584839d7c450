// Why an id is trained or masked, and whether its label is what the layout gives. `start_index` is not stored: an assistant
// turn is trained or not as a whole, and none behind a trained one is masked.

import PipelineKit

/// Compares labels with what stands at their ids.
struct LabelJudge {
    private let positions: [ConversationPosition?]
    private let labels: [Int32]
    /// The first assistant turn that is trained; nil where none is.
    private let firstTrainedTurn: Int?

    init(positions: [ConversationPosition?], labels: [Int32]) {
        self.positions = positions
        self.labels = labels
        firstTrainedTurn =
            zip(positions, labels).lazy.compactMap { position, label -> Int? in
                guard let position, label != ignoredLabel, position.role == .assistant, position.kind != .recipient
                else {
                    return nil
                }
                return position.turn
            }.first
    }

    /// Whether the layout labels what stands at `place`; nil where it would not have written the id.
    private func shouldBeTrained(_ place: Int) -> Bool? {
        guard let position = positions[place] else { return nil }
        switch position.kind {
        case .beginOfText, .header: return false
        case .recipient: return true
        default:
            guard position.role == .assistant, let firstTrainedTurn else { return false }
            return position.turn >= firstTrainedTurn
        }
    }

    /// Whether the id is one of the layout and its label is what it should be.
    func isSound(_ place: Int) -> Bool { shouldBeTrained(place) == (labels[place] != ignoredLabel) }

    /// Whether the id at `place` is one that the layout would have written.
    func isOfLayout(_ place: Int) -> Bool { positions[place] != nil }

    /// The first place that is not sound, with what is wrong.
    var firstFault: (place: Int, what: String)? {
        guard let place = positions.indices.first(where: { !isSound($0) }) else { return nil }
        guard let position = positions[place] else { return (place, "is not what a conversation has there") }
        let what = "(\(position.kind.rawValue) of the \(position.role.rawValue)'s turn \(position.turn))"
        return (
            place,
            labels[place] == ignoredLabel
                ? "\(what) is masked and should be trained" : "\(what) is trained and should be masked"
        )
    }

    /// Why the id is trained or masked, in words.
    func reason(_ place: Int) -> String {
        guard let position = positions[place] else { return "not what a conversation has here" }
        switch position.kind {
        case .beginOfText: return "the beginning is given"
        case .header: return "headers are given"
        case .recipient: return "an assistant's recipient"
        case .placeholder where position.role != .assistant: return "a reference is heard, not learnt"
        default: break
        }
        guard position.role == .assistant else { return "the \(position.role.rawValue)'s turn" }
        guard let firstTrainedTurn, position.turn >= firstTrainedTurn else { return "a turn before start_index" }
        return position.kind == .placeholder ? "target: the codes are, the id is not" : "the assistant's turn"
    }
}
