// The column configuration of a shard: part of its raw bytes, and repeated in its index entry.

/// What all shards of a directory have in common.
public struct MDSConfiguration: Sendable, Equatable {
    /// Offsets within a raw shard are 32 bits wide.
    public static let largestShard = Int(UInt32.max)

    /// Sorted by name, by code points.
    public let columns: [MDSColumn]
    /// The compression's name in the index, such as `zstd:3`.
    public let compression: String?
    /// The names of the hashes in the index.
    public let hashes: [String]
    /// The raw bytes at which the reference's writer closes a shard; nil where something else decides.
    public let sizeLimit: Int?

    /// The configuration of shards that we write, hashed by xxh64.
    public init(columns: [MDSColumn], compression: ShardCompression, sizeLimit: Int? = nil) {
        precondition(sizeLimit.map { (1...Self.largestShard).contains($0) } ?? true, "a shard is at most 4 GiB")
        let sorted = columns.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        precondition(
            zip(sorted, sorted.dropFirst()).allSatisfy { !$0.name.utf8.elementsEqual($1.name.utf8) },
            "two columns of one name")
        self.init(
            columns: sorted, compression: compression.indexName, hashes: ["xxh64"], sizeLimit: sizeLimit)
    }

    init(columns: [MDSColumn], compression: String?, hashes: [String], sizeLimit: Int?) {
        self.columns = columns
        self.compression = compression
        self.hashes = hashes
        self.sizeLimit = sizeLimit
    }

    /// The members that a shard's header and its index entry share.
    var json: JSONObject {
        [
            "column_encodings": .array(columns.map { .string($0.encoding.name) }),
            "column_names": .array(columns.map { .string($0.name) }),
            "column_sizes": .array(columns.map { $0.fixedSize.map(JSONValue.int) ?? .null }),
            "compression": compression.map(JSONValue.string) ?? .null,
            "format": "mds",
            "hashes": .array(hashes.map(JSONValue.string)),
            "size_limit": sizeLimit.map(JSONValue.int) ?? .null,
            "version": 2,
        ]
    }

    /// The configuration as it stands in a raw shard.
    var header: [UInt8] { Array(JSONValue.object(json).pythonDump(sortKeys: true).utf8) }

    /// Reads the shared members of a header or an index entry.
    init(json: JSONValue) throws {
        guard json["version"]?.intValue == 2, json["format"]?.stringValue == "mds" else {
            throw MDSError("not a shard of the format mds, version 2")
        }
        func list(_ key: String) throws -> [JSONValue] {
            guard let list = json[key]?.arrayValue else { throw MDSError("'\(key)' is missing or not a list") }
            return list
        }
        func strings(_ key: String) throws -> [String] {
            try list(key).map {
                guard let text = $0.stringValue else { throw MDSError("'\(key)' holds something else than strings") }
                return text
            }
        }
        let names = try strings("column_names"), encodings = try strings("column_encodings")
        let sizes = try list("column_sizes")
        guard names.count == encodings.count, names.count == sizes.count else {
            throw MDSError("\(names.count) column names, \(encodings.count) encodings and \(sizes.count) sizes")
        }
        columns = try zip(names, zip(encodings, sizes)).map { name, rest in
            try MDSError.adding(column: name) { try Self.column(name, encoding: rest.0, size: rest.1) }
        }
        let isSorted = zip(names, names.dropFirst()).allSatisfy { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        guard isSorted else { throw MDSError("the column names are not sorted, or one stands twice") }
        compression = json["compression"]?.stringValue
        hashes = try strings("hashes")
        sizeLimit = json["size_limit"]?.intValue
    }

    private static func column(_ name: String, encoding: String, size: JSONValue) throws -> MDSColumn {
        let encoding = try MDSEncoding(name: encoding)
        guard size.isNull || (size.intValue.map { (1...largestShard).contains($0) } ?? false) else {
            throw MDSError("the column size is neither null nor a number of bytes")
        }
        if case .foreign = encoding { return MDSColumn(name: name, encoding: encoding, fixedSize: size.intValue) }
        guard size.intValue == encoding.fixedSize else {
            let expected = encoding.fixedSize.map(String.init) ?? "null"
            throw MDSError("column size \(size.pythonDump()) for \(encoding.name), expected \(expected)")
        }
        return MDSColumn(name: name, encoding: encoding)
    }
}
