// XXH64 with seed 0, the hash of shards, sidecars and digests, through libxxhash. Not a defence against forgery.

import CXXHash

/// A running XXH64: the hash of everything given to `update` so far. Not thread-safe.
public final class XXH64 {
    private let state: OpaquePointer

    public init() {
        guard let state = XXH64_createState() else { preconditionFailure("no memory for a hash state") }
        self.state = state
        XXH64_reset(state, 0)
    }

    deinit { XXH64_freeState(state) }

    /// Takes in more bytes.
    public func update(_ bytes: UnsafeRawBufferPointer) {
        if let address = bytes.baseAddress { XXH64_update(state, address, bytes.count) }
    }

    /// Takes in more bytes.
    public func update(_ bytes: some Sequence<UInt8>) {
        let done: Void? = bytes.withContiguousStorageIfAvailable { update(UnsafeRawBufferPointer($0)) }
        if done == nil { Array(bytes).withUnsafeBytes { update($0) } }
    }

    /// The hash so far; more bytes may follow.
    public var digest: UInt64 { XXH64_digest(state) }

    /// The hash of a buffer.
    public static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        CXXHash.XXH64(bytes.baseAddress, bytes.count, 0)
    }

    /// The hash of bytes.
    public static func hash(_ bytes: some Sequence<UInt8>) -> UInt64 {
        bytes.withContiguousStorageIfAvailable { hash(UnsafeRawBufferPointer($0)) }
            ?? Array(bytes).withUnsafeBytes { hash($0) }
    }
}

extension UInt64 {
    /// The number as 16 lower-case hexadecimal digits, as hashes stand in an MDS index.
    public var hexDigits: String {
        let digits = String(self, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }
}
