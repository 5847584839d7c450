// What is wrong with a shard, an index or a row, and where.

/// Damaged or unfitting MDS data. The innermost code knows the reason; each door that it passes adds where.
public struct MDSError: PersonReadable, Equatable {
    /// What is wrong, with got and expected.
    public var reason: String
    /// The path of the index or shard file.
    public var path: String?
    /// The sample's number within its shard.
    public var sample: Int?
    public var column: String?

    public init(_ reason: String, path: String? = nil, sample: Int? = nil, column: String? = nil) {
        self.reason = reason
        self.path = path
        self.sample = sample
        self.column = column
    }

    public var failure: Failure {
        var place = path.map { [$0.escapedForTerminal] } ?? []
        if let sample { place.append("sample \(sample)") }
        if let column { place.append("column \(column.escapedForTerminal)") }
        return Failure(.badData, reason, at: place.isEmpty ? nil : place.joined(separator: ", "))
    }

    /// The same error with what is known about its place filled in; what it knows itself stays.
    func at(path: String? = nil, sample: Int? = nil, column: String? = nil) -> MDSError {
        MDSError(
            reason, path: self.path ?? path, sample: self.sample ?? sample, column: self.column ?? column)
    }

    /// Runs `body` and adds the place to the errors of this domain that it throws.
    static func adding<Result>(
        path: @autoclosure () -> String? = nil, sample: Int? = nil, column: @autoclosure () -> String? = nil,
        to body: () throws -> Result
    ) throws -> Result {
        do {
            return try body()
        } catch let error as MDSError {
            throw error.at(path: path(), sample: sample, column: column())
        } catch let error as JSONError {
            throw MDSError(error.failure.description, path: path(), sample: sample, column: column())
        } catch let error as CompressionError {
            throw MDSError(error.reason, path: path(), sample: sample, column: column())
        }
    }
}
