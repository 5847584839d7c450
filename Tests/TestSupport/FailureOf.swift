// What a person would be told.

import PipelineKit

/// The failure that `body` ends with; nil where it succeeds.
public func failure<Result>(_ body: () throws -> Result) -> Failure? {
    do {
        _ = try body()
        return nil
    } catch {
        return Failure(error)
    }
}
