// What a person should know about the texts of a data set: which letters, digits and marks, what is invisible or rare,
// how many ids a letter and a second of speech take. A pure function of TextStatistics; stands in samples/stage.json under
// `counts.text`. The lines for people: TextReport+Lines.swift.

/// The text report.
public struct TextReport: Sendable, Equatable {
    /// A code point that hardly ever stands.
    public struct RareCodePoint: Sendable, Equatable {
        /// `U+200F`.
        public var codePoint: String
        /// Its Unicode name; empty where it has none.
        public var name: String
        public var count: Int
    }

    /// Rare code points that are listed.
    static let listed = 48

    public var texts: Int
    public var codePoints: Int
    /// Code points by class, by the names that the record uses: `arabic_letters`, `harakat`, `tatweel`, …
    var kinds: [ScalarKind: Int] = [:]
    /// Ids of the texts themselves, without headers, audio and ends of turns.
    public var ids: Int
    /// Code points outside of the Arabic alphabet and ASCII that stand at most this often are rare.
    public var rareAtMost: Int
    public var rareCount: Int
    /// The rarest first, `listed` of them.
    public var rare: [RareCodePoint]
    /// Of the rows with a target clip and its text.
    public var rateRows: Int
    /// Ids a second of target audio: the 5 %, 50 % and 95 % quantile, within 2.2 %; nil without such rows.
    public var rateQuantiles: [Double]?
    public var rateOutliers: SpeechRates.Outliers?
    public var normalization: TextNormalization
    public var changes: NormalizationCounts

    public init(_ statistics: TextStatistics, normalization: TextNormalization) {
        let entries = statistics.codePoints.entries
        texts = statistics.texts
        ids = statistics.ids
        codePoints = entries.reduce(0) { $0 + $1.count }
        kinds = entries.reduce(into: [:]) { $0[ScalarKind($1.scalar), default: 0] += $1.count }
        let most = max(2, codePoints / 10_000)
        rareAtMost = most
        let rare = entries.filter { $0.count <= most && !ScalarKind.isOrdinary($0.scalar) }
        rareCount = rare.count
        self.rare = rare.sorted { ($0.count, $0.scalar) < ($1.count, $1.scalar) }.prefix(Self.listed).map {
            let name = $0.scalar.properties.name ?? $0.scalar.properties.nameAlias
            return RareCodePoint(codePoint: Self.label($0.scalar), name: name ?? "", count: $0.count)
        }
        let rates = statistics.rates
        rateRows = rates.rows
        let quantiles = [0.05, 0.5, 0.95].compactMap { rates.quantile($0) }
        rateQuantiles = quantiles.isEmpty ? nil : quantiles
        rateOutliers = rates.outliers
        self.normalization = normalization
        changes = statistics.changes
    }

    private static func label(_ scalar: Unicode.Scalar) -> String {
        let digits = String(scalar.value, radix: 16, uppercase: true)
        return "U+" + String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
    }

    /// Code points of a class.
    func count(_ kind: ScalarKind) -> Int { kinds[kind] ?? 0 }

    /// Letters of all scripts, those in presentation forms included.
    public var letters: Int {
        [.arabicLetter, .latinLetter, .otherLetter, .presentationForm].reduce(0) { $0 + count($1) }
    }

    /// nil without letters.
    public var idsPerLetter: Double? { letters == 0 ? nil : Double(ids) / Double(letters) }

    // MARK: JSON

    /// The report as it stands in samples/stage.json.
    public var json: JSONObject {
        var json: JSONObject = [
            "texts": .int(texts), "code_points": .int(codePoints), "letters": .int(letters),
            "kinds": .object(JSONObject(ScalarKind.allCases.map { (key: $0.rawValue, value: .int(count($0))) })),
            "ids": .int(ids), "ids_per_letter": idsPerLetter.map(JSONValue.double) ?? .null,
            "ids_per_second": .object(rates),
            "rare": [
                "at_most": .int(rareAtMost), "distinct": .int(rareCount),
                "code_points": .array(
                    rare.map {
                        ["code_point": .string($0.codePoint), "name": .string($0.name), "count": .int($0.count)]
                    }),
            ],
        ]
        json["normalization"] = ["rules": .string("\(normalization)"), "changes": changes.json]
        return json
    }

    private var rates: JSONObject {
        func rows(_ rows: [SpeechRates.Row]) -> JSONValue {
            .array(rows.map { ["id": .string($0.id), "ids_per_second": .double($0.idsPerSecond)] })
        }
        var json: JSONObject = ["rows": .int(rateRows)]
        if let rateQuantiles {
            json["quantiles"] = .object(
                JSONObject(zip(["0.05", "0.5", "0.95"], rateQuantiles).map { (key: $0, value: .double($1)) }))
        }
        if let outliers = rateOutliers {
            json["outliers"] = [
                "rule": "more than 4 x 1.4826 x MAD from the median of log2(ids a second)",
                "count": .int(outliers.count), "below": .double(outliers.low), "from": .double(outliers.high),
                "slowest": rows(outliers.slow), "fastest": rows(outliers.fast),
            ]
        }
        return json
    }

    /// Reads a report; nil for anything that `json` did not write.
    public init?(json: JSONValue?) {
        guard let json, let texts = json["texts"]?.intValue, let codePoints = json["code_points"]?.intValue,
            let kinds = json["kinds"], let ids = json["ids"]?.intValue, let rare = json["rare"],
            let atMost = rare["at_most"]?.intValue, let distinct = rare["distinct"]?.intValue,
            let listed = rare["code_points"]?.arrayValue, let rates = json["ids_per_second"],
            let rateRows = rates["rows"]?.intValue,
            let normalization = json["normalization"]?["rules"]?.stringValue.flatMap({
                try? TextNormalization(parsing: $0)
            }), let changes = NormalizationCounts(json: json["normalization"]?["changes"])
        else { return nil }
        (self.texts, self.codePoints, self.ids) = (texts, codePoints, ids)
        for kind in ScalarKind.allCases {
            if let count = kinds[kind.rawValue]?.intValue, count > 0 { self.kinds[kind] = count }
        }
        (rareAtMost, rareCount, self.rateRows) = (atMost, distinct, rateRows)
        self.rare = listed.compactMap { entry in
            guard let label = entry["code_point"]?.stringValue, let name = entry["name"]?.stringValue,
                let count = entry["count"]?.intValue
            else { return nil }
            return RareCodePoint(codePoint: label, name: name, count: count)
        }
        rateQuantiles = rates["quantiles"]?.objectValue?.members.compactMap(\.value.doubleValue)
        rateOutliers = Self.outliers(rates["outliers"])
        (self.normalization, self.changes) = (normalization, changes)
    }

    private static func outliers(_ json: JSONValue?) -> SpeechRates.Outliers? {
        guard let json, let count = json["count"]?.intValue, let low = json["below"]?.doubleValue,
            let high = json["from"]?.doubleValue
        else { return nil }
        func rows(_ list: JSONValue?) -> [SpeechRates.Row] {
            (list?.arrayValue ?? []).compactMap { row in
                guard let id = row["id"]?.stringValue, let rate = row["ids_per_second"]?.doubleValue else { return nil }
                return SpeechRates.Row(id: id, idsPerSecond: rate)
            }
        }
        return SpeechRates.Outliers(
            count: count, low: low, high: high, slow: rows(json["slowest"]), fast: rows(json["fastest"]))
    }
}
