// What a stage from shards to shards says of itself; StageRunner does the rest.

/// A stage that turns each sample of one directory into one sample of another: featurize and tokenize.
public protocol ShardStage: Sendable {
    /// The program's name, such as `featurize`.
    var name: String { get }
    /// Raised when the bytes that the stage writes change for the same input and options.
    var outputVersion: Int { get }
    /// Every option that shapes the output, except the compression.
    var options: JSONObject { get }
    /// Members of stage.json that later stages read, such as `codec`. They are part of the key of each shard, so they
    /// carry the digest of everything that the options do not say.
    var records: JSONObject { get }
    /// The program that writes the input directory.
    var inputStage: String { get }
    /// The columns of the input that `process` is given. `id` must be one of them.
    var inputColumns: [String] { get }
    /// The columns of the output. `id` must be one of them.
    var columns: [MDSColumn] { get }
    /// The compression of shards unless `--compression` says another.
    var defaultCompression: ShardCompression { get }

    /// The output of a sample; called on any thread, a pure function of the row.
    ///
    /// - Throws: an error whose `Failure` has the status `badData` if this sample cannot be processed (`ClipFailure`
    ///   says which clip): the other samples go on. Any other error ends the run.
    func process(_ row: MDSRow) throws -> MDSRow

    /// About how many bytes the output of a sample takes, compressed by default, told without processing it: by what the
    /// headers of its clips claim. 0 for a clip that cannot be opened.
    func estimatedBytes(of row: MDSRow) -> Int
    /// What the output is, for messages: `the log-mels`.
    var outputName: String { get }

    /// What an output row adds to the counts in stage.json: numbers, lists and objects of them.
    func counts(of output: MDSRow) throws -> JSONObject
}

extension ShardStage {
    public var records: JSONObject { [:] }
    public var inputStage: String { "ingest" }
    public func counts(of output: MDSRow) throws -> JSONObject { [:] }
}

/// A clip of a sample cannot be processed.
public struct ClipFailure: PersonReadable {
    /// The clip's number within the sample, from 0.
    public var clip: Int
    /// What is wrong with it; its status becomes that of this failure.
    public var cause: Failure

    public init(clip: Int, _ cause: any Error) {
        self.clip = clip
        self.cause = Failure(cause)
    }

    public var failure: Failure { Failure(cause.status, "clip \(clip): \(cause)") }
}

/// A sample that a stage could not process.
public struct SampleFailure: Sendable {
    /// The path of the input shard.
    public var shard: String
    /// The sample's number within the shard.
    public var sample: Int
    /// The sample's id; nil where even that cannot be read.
    public var id: String?
    public var cause: Failure
}

extension SampleFailure: CustomStringConvertible {
    public var description: String {
        let id = id.map { " (id \(JSONValue.string($0).pythonDump(ascii: false).escapedForTerminal))" } ?? ""
        return "\(shard.escapedForTerminal), sample \(sample)\(id): \(cause)"
    }
}

/// Samples could not be processed; all shards without such samples are done.
public struct StageFailures: PersonReadable {
    public var stage: String
    /// How many samples failed.
    public var count: Int
    /// How many shards they lie in.
    public var shardCount: Int
    /// The first of them, at most `StageFailures.named`.
    public var first: [SampleFailure]

    /// How many failures are named; the log tells each of them when it happens.
    public static let named = 20

    public var failure: Failure {
        var what = "\(count) sample\(count == 1 ? "" : "s") in \(shardCount) shard\(shardCount == 1 ? "" : "s")"
        what += " cannot be processed"
        if let first = first.first { what += count > 1 ? ", the first is \(first)" : ": \(first)" }
        return Failure(
            .badData, what,
            remedy: "the other shards are done; leave these ids out with ingest --exclude FILE and run \(stage) again")
    }
}
