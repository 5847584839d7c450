// JSON documents that are files: configs, records, indexes. The path stands in every error.

extension JSONValue {
    /// Reads a file that is one JSON document.
    ///
    /// - Throws: `FileError` where it cannot be read; `Failure` (bad data) with path and byte where it is not JSON.
    public init(contentsOfFile path: String, maximumDepth: Int = JSONValue.maximumDepth) throws {
        let file = try MappedFile(path: path)
        do {
            self = try file.withBytes { try JSONValue(parsing: $0, maximumDepth: maximumDepth) }
        } catch let error as JSONError {
            throw Failure(.badData, error.description, at: path.escapedForTerminal)
        }
    }
}
