// What the texts of a data set are made of, as counts that add up: row by row, shard by shard, in any split of the work.
// Does not grow with the rows. What a person is told of it: TextReport.

/// The texts of one row, as they were tokenized. System messages are left out: they are the same in most rows, and nobody
/// speaks them.
public struct RowText: Sendable {
    public var texts: [String] = []
    /// Ids of the texts.
    public var ids = 0
    /// Ids of the texts that target clips say, and the seconds of these clips.
    public var spokenIDs = 0
    public var spokenSeconds = 0.0
    public var changes = NormalizationCounts()

    public init() {}

    /// Counts the ids of a sequence.
    ///
    /// A target clip says the text that stands last before it in the row, in its own turn or the user's; clips one after
    /// another share it. A target clip without any text before it is not counted.
    /// - Parameter seconds: of each clip, in the order of the placeholders.
    public mutating func count(_ sequence: ConversationSequence, seconds: [Double]) {
        var clip = 0
        var textIDs = 0
        var isCounted = false, isInText = false
        for position in sequence.positions {
            if position.kind == .text {
                if !isInText { (textIDs, isCounted) = (0, false) }
                textIDs += 1
                if position.role != .system { ids += 1 }
            }
            isInText = position.kind == .text
            guard position.kind == .placeholder else { continue }
            if sequence.isTarget[clip], textIDs > 0 {
                if !isCounted { spokenIDs += textIDs }
                isCounted = true
                spokenSeconds += seconds[clip]
            }
            clip += 1
        }
    }
}

/// Counts over the texts of many rows.
public struct TextStatistics: Sendable, Equatable {
    public private(set) var texts = 0
    public private(set) var ids = 0
    public private(set) var codePoints = ScalarHistogram()
    public private(set) var rates = SpeechRates()
    public private(set) var changes = NormalizationCounts()

    public init() {}

    /// Counts a row that stands behind all that were counted so far.
    public mutating func add(_ row: RowText, id: String) {
        texts += row.texts.count
        ids += row.ids
        for text in row.texts { codePoints.add(text) }
        rates.add(ids: row.spokenIDs, seconds: row.spokenSeconds, row: id)
        changes.add(row.changes)
    }

    /// Adds the counts of rows that stand behind these.
    public mutating func add(_ later: TextStatistics) {
        texts += later.texts
        ids += later.ids
        codePoints.add(later.codePoints)
        rates.add(later.rates)
        changes.add(later.changes)
    }

    public var json: JSONValue {
        [
            "texts": .int(texts), "ids": .int(ids), "code_points": codePoints.json, "rates": rates.json,
            "normalization": changes.json,
        ]
    }

    /// Reads statistics; nil for anything that `json` did not write.
    public init?(json: JSONValue?) {
        guard let texts = json?["texts"]?.intValue, let ids = json?["ids"]?.intValue,
            let codePoints = ScalarHistogram(json: json?["code_points"]), let rates = SpeechRates(json: json?["rates"]),
            let changes = NormalizationCounts(json: json?["normalization"])
        else { return nil }
        (self.texts, self.ids, self.codePoints, self.rates, self.changes) = (texts, ids, codePoints, rates, changes)
    }
}
