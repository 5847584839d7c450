// How shards are compressed, as it stands on command lines and in an index: nothing, or `zstd:N`.

import ArgumentParser

/// The compression of shards.
public enum ShardCompression: Sendable, Equatable, CustomStringConvertible {
    case none
    case zstd(level: Int)

    /// `none`, or `zstd:N` with a level from 1 to 19; nil for anything else.
    public init?(name: String) {
        let parts = name.split(separator: ":", omittingEmptySubsequences: false)
        if name == "none" {
            self = .none
        } else if parts.count == 2, parts[0] == "zstd", let level = Int(parts[1]), Zstd.levels.contains(level),
            String(level) == parts[1]
        {
            self = .zstd(level: level)
        } else {
            return nil
        }
    }

    /// The name in an index, where null stands for none.
    var indexName: String? {
        switch self {
        case .none: nil
        case .zstd(let level): "zstd:\(level)"
        }
    }

    public var description: String { indexName ?? "none" }
}

extension ShardCompression: ExpressibleByArgument {
    public init?(argument: String) { self.init(name: argument) }
}
