// What is said of the codec that made codes: in codes/stage.json, checked by tokenize decode, train and inspect.
// Not a codec; those live in tokenize.

/// The record of a codec.
public struct CodecRecord: Sendable, Equatable {
    /// The family, such as `mel_rvq`.
    public var name: String
    /// Samples a second of the waveform, in Hz.
    public var sampleRate: Int
    /// Code frames a second, in Hz.
    public var frameRate: Double
    /// Q.
    public var codebooks: Int
    /// K: codes are 0 ..< K in every codebook, bos and eos not among them.
    public var codebookSize: Int
    /// XXH64 over the codec's files, in 16 hexadecimal digits: equal digests mean equal codes.
    public var digest: String

    public init(
        name: String, sampleRate: Int, frameRate: Double, codebooks: Int, codebookSize: Int, digest: String
    ) {
        self.name = name
        self.sampleRate = sampleRate
        self.frameRate = frameRate
        self.codebooks = codebooks
        self.codebookSize = codebookSize
        self.digest = digest
    }

    /// The record as it stands in a `stage.json`, under `codec`.
    public var json: JSONValue {
        [
            "name": .string(name), "sample_rate": .int(sampleRate),
            "frame_rate": Int(exactly: frameRate).map(JSONValue.int) ?? .double(frameRate),
            "codebooks": .int(codebooks), "codebook_size": .int(codebookSize), "digest": .string(digest),
        ]
    }

    /// Reads a record.
    ///
    /// - Parameters:
    ///   - json: what `json` made.
    ///   - path: the file that it comes from, for errors.
    /// - Throws: a `Failure` (bad data) that names the missing or senseless member.
    public init(json: JSONValue, path: String) throws {
        func damaged(_ member: String, _ expected: String) -> Failure {
            Failure(
                .badData,
                "the codec record has no valid '\(member)': got "
                    + "\(json[member]?.pythonDump(ascii: false).escapedForTerminal ?? "nothing"), expected \(expected)",
                at: path.escapedForTerminal, remedy: "run tokenize encode again")
        }
        func integer(_ member: String, _ range: ClosedRange<Int>) throws -> Int {
            guard let value = json[member]?.intValue, range.contains(value) else {
                throw damaged(member, "an integer from \(range.lowerBound) to \(range.upperBound)")
            }
            return value
        }
        func text(_ member: String) throws -> String {
            guard let value = json[member]?.stringValue, !value.isEmpty else { throw damaged(member, "a string") }
            return value
        }
        guard let frameRate = json["frame_rate"]?.doubleValue, frameRate > 0, frameRate.isFinite else {
            throw damaged("frame_rate", "a positive number")
        }
        self.init(
            name: try text("name"), sampleRate: try integer("sample_rate", AudioLimits.sampleRates),
            frameRate: frameRate, codebooks: try integer("codebooks", 1...1_024),
            codebookSize: try integer("codebook_size", 1...65_536), digest: try text("digest"))
    }
}
