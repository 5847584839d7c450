// What determines the content of a stage's directory, and how two such descriptions differ.

/// The stage, version, options, input and records that a directory's content comes from.
public struct StageIdentity: Sendable {
    /// The program that writes the directory, such as `featurize`.
    public var stage: String
    /// Raised when the program's bytes change for the same options and input.
    public var outputVersion: Int
    /// Every option that shapes the output, the compression included.
    public var options: JSONObject
    /// What the content is made from; of a stage that reads shards `{"digest": …}`, the XXH64 of the input's index.json.
    public var input: JSONObject
    /// Further members of stage.json that later stages read: `text` of samples, `codec` of codes.
    public var records: JSONObject

    public init(
        stage: String, outputVersion: Int, options: JSONObject, input: JSONObject, records: JSONObject = [:]
    ) {
        self.stage = stage
        self.outputVersion = outputVersion
        self.options = options
        self.input = input
        self.records = records
    }

    /// The key of a shard: the XXH64, in 16 digits, of the identity without its input and of what this shard is made
    /// from, such as the input shard's hashes. Equal keys mean equal bytes.
    public func key(of source: JSONValue) -> String {
        let text: JSONValue = [
            "stage": .string(stage), "output_version": .int(outputVersion), "options": .object(options),
            "records": .object(records), "source": source,
        ]
        return XXH64.hash(text.pythonDump(sortKeys: true).utf8).hexDigits
    }

    /// The key of what is made from one shard of the input.
    public func key(ofInput shard: MDSShardInfo) -> String {
        func hash(_ file: MDSFileInfo?) -> JSONValue { file?.xxh64.map { .string($0) } ?? .null }
        return key(of: ["raw": hash(shard.raw), "zip": hash(shard.zip)])
    }

    /// The key of a shard of `ingest`: where the run was in the manifest behind it, and the audio's root. Not the whole
    /// manifest's digest: a shard only depends on the rows up to its own.
    public func key(ofShard number: Int, resume: JSONObject, audioRoot: JSONValue?) -> String {
        var source = resume
        source["shard"] = .int(number)
        source["audio_root"] = audioRoot
        return key(of: .object(source))
    }

    static let ownMembers = ["stage", "output_version", "options", "input", "counts"]

    /// The members of stage.json except the counts.
    var json: JSONObject {
        var object: JSONObject = [
            "stage": .string(stage), "output_version": .int(outputVersion), "options": .object(options),
            "input": .object(input),
        ]
        for (name, record) in records.members {
            precondition(!Self.ownMembers.contains(name), "a record cannot be called \(name)")
            object[name] = record
        }
        return object
    }

    /// Reads the members of stage.json; members of other names are records.
    init?(json: JSONValue) {
        guard let object = json.objectValue, let stage = json["stage"]?.stringValue,
            let version = json["output_version"]?.intValue, let options = json["options"]?.objectValue,
            let input = json["input"]?.objectValue
        else { return nil }
        let records = object.members.filter { !Self.ownMembers.contains($0.key) }
        self.init(
            stage: stage, outputVersion: version, options: options, input: input, records: JSONObject(records))
    }

    /// What differs, as `option: old → new`, an entry a leaf.
    func differences(from old: StageIdentity) -> [String] {
        var list: [String] = []
        func compare(_ old: JSONValue?, _ new: JSONValue?, _ name: String) {
            list += JSONValue.differences(from: old, to: new, of: name)
        }
        compare(.int(old.outputVersion), .int(outputVersion), "output version")
        for (name, value) in old.options.members { compare(value, options[name], name) }
        for (name, value) in options.members where old.options[name] == nil { compare(nil, value, name) }
        compare(.object(old.input), .object(input), "input")
        for (name, value) in old.records.members { compare(value, records[name], name) }
        for (name, value) in records.members where old.records[name] == nil { compare(nil, value, name) }
        return list
    }
}

extension JSONValue {
    /// What differs between two values, as `NAME.member: old → new`, an entry a leaf; `none` stands for what is absent.
    /// Escaped for terminals.
    public static func differences(from old: JSONValue?, to new: JSONValue?, of name: String) -> [String] {
        if case .object(let oldMembers)? = old, case .object(let newMembers)? = new {
            let added = newMembers.members.filter { oldMembers[$0.key] == nil }
            return oldMembers.members.flatMap {
                differences(from: $0.value, to: newMembers[$0.key], of: "\(name).\($0.key)")
            }
                + added.flatMap { differences(from: nil, to: $0.value, of: "\(name).\($0.key)") }
        }
        if old == new { return [] }
        func text(_ value: JSONValue?) -> String {
            let text = value?.pythonDump(ascii: false).escapedForTerminal ?? "none"
            return text.count > 80 ? text.prefix(77) + "…" : text
        }
        return ["\(name.escapedForTerminal): \(text(old)) → \(text(new))"]
    }
}

/// A directory holds the output of other options, another version or other input.
public struct StageMismatch: PersonReadable {
    public var directory: String
    /// `option: old → new`, one an entry.
    public var differences: [String]

    public init(directory: String, differences: [String]) {
        self.directory = directory
        self.differences = differences
    }

    public var failure: Failure {
        let shown = differences.prefix(6) + (differences.count > 6 ? ["and \(differences.count - 6) more"] : [])
        return Failure(
            .badUsage, "made with other options or input (\(shown.joined(separator: ", ")))",
            at: directory.escapedForTerminal,
            remedy: "pass --replace to make it anew, or choose another output directory")
    }
}
