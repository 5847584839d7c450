// Cuts a manifest into rows, as a stream: memory does not grow with the manifest, only with its largest row. A row is
// a line of JSONL or an element of a JSON array; which of the two, the first character tells. Whether a row is JSON is
// RowParser's question.

import PipelineKit

/// A place between two rows of a manifest.
struct ManifestPosition: Sendable, Equatable {
    /// Bytes before it, after decompression.
    var offset = 0
    /// Rows before it.
    var row = 0
    /// The 1-based line that it stands in.
    var line = 1
    /// The XXH64 of the bytes before it.
    var digest: UInt64 = 0
}

/// One row as it lies in the manifest.
struct ManifestRow: Sendable {
    enum Content: Sendable {
        case bytes([UInt8])
        /// Over `ManifestReader.largestRow`; the number is its size.
        case tooLarge(Int)
        /// Nested deeper than `JSONValue.maximumDepth`.
        case tooDeep
        /// Left out by a reader that only counts.
        case skipped
    }

    /// 1-based.
    var number: Int
    /// The line where it starts, 1-based.
    var line: Int
    /// Where its first byte lies in the decompressed manifest.
    var offset: Int
    var content: Content
    /// Whether it is an element of an array: what is not JSON then spoils the whole manifest, not just a line.
    var isElement: Bool
    /// Behind the row.
    var end: ManifestPosition
}

/// A manifest that is no list of rows.
struct ManifestError: PersonReadable, Equatable {
    var path: String
    var line: Int
    var what: String

    var failure: Failure {
        Failure(
            .badData, what, at: "\(path.escapedForTerminal), line \(line)",
            remedy: "a manifest is a JSON array of rows, or one row a line (JSONL)")
    }
}

/// Reads a manifest row by row. Not thread-safe.
final class ManifestReader {
    /// A row's bytes at most.
    static let largestRow = 64 << 20

    let path: String
    private let source: ByteSource
    private let isArray: Bool
    private var isFinished = false
    private var row = 0
    private var line = 1
    /// The chunk in hand: what lies before `place` is read, what lies before `hashed` is in `hash`.
    private var chunk: [UInt8] = []
    private var place = 0
    private var hashed = 0
    private let hash = XXH64()

    /// Opens a manifest and finds out its form.
    /// - Throws: `ManifestError` for one that is empty; what `ByteSource` throws.
    init(path: String) throws {
        self.path = path
        source = try ByteSource(path: path)
        let start = try Self.firstBytes(of: source)
        chunk = start.chunk
        place = start.place
        line = start.line
        guard let first = start.first else {
            throw ManifestError(path: path, line: line, what: "the manifest is empty")
        }
        isArray = first == UInt8(ascii: "[")
        if isArray { place += 1 }
    }

    /// Reads past a byte order mark and white space.
    private static func firstBytes(
        of source: ByteSource
    ) throws -> (chunk: [UInt8], place: Int, line: Int, first: UInt8?) {
        var chunk: [UInt8] = []
        while let next = try source.next() {
            chunk += next
            guard chunk.count <= largestRow else { return (chunk, 0, 1, UInt8(ascii: " ")) }
            var place = chunk.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
            var line = 1
            while place < chunk.count, isSpace(chunk[place]) {
                if chunk[place] == 0x0A { line += 1 }
                place += 1
            }
            if place < chunk.count { return (chunk, place, line, chunk[place]) }
        }
        return (chunk, chunk.count, 1, nil)
    }

    /// Bytes of the file itself that have been read, and all of them.
    var progress: (read: Int, all: Int) { (source.fileOffset, source.fileByteCount) }

    /// The place behind the last row.
    var position: ManifestPosition {
        hash.update(chunk[hashed..<place])
        hashed = place
        return ManifestPosition(
            offset: source.offset - chunk.count + place, row: row, line: line, digest: hash.digest)
    }

    /// Reads on to a later place. False where what lies before it is not what lay before it then.
    func advance(to target: ManifestPosition) throws -> Bool {
        while true {
            let offset = source.offset - chunk.count + place
            if offset > target.offset { return false }
            if offset == target.offset { break }
            if place == chunk.count, try !refill() { return false }
            place += min(chunk.count - place, target.offset - offset)
        }
        row = target.row
        line = target.line
        guard position == target else { return false }
        // Behind the last byte there is nothing more to expect, not even the end of an array.
        if try place == chunk.count && !refill() { isFinished = true }
        return true
    }

    /// The next row; nil at the end.
    ///
    /// - Parameter keepsBytes: false to count rows without copying them.
    /// - Throws: `ManifestError` where an array is broken between its elements.
    func next(keepsBytes: Bool = true) throws -> ManifestRow? {
        if isFinished { return nil }
        return try isArray ? nextElement(keepsBytes: keepsBytes) : nextLine(keepsBytes: keepsBytes)
    }

    // MARK: Lines

    private func nextLine(keepsBytes: Bool) throws -> ManifestRow? {
        while try place < chunk.count || refill() {
            let start = (line: line, offset: source.offset - chunk.count + place)
            var bytes: [UInt8] = []
            var count = 0
            var isBlank = true
            var isWhole = false
            while !isWhole, try place < chunk.count || refill() {
                let rest = chunk[place...]
                let end = rest.firstIndex(of: 0x0A) ?? rest.endIndex
                let part = rest[..<end]
                if isBlank { isBlank = part.allSatisfy(Self.isSpace) }
                count += part.count
                if keepsBytes, count <= Self.largestRow { bytes += part }
                isWhole = end < rest.endIndex
                place = isWhole ? end + 1 : end
            }
            if isWhole { line += 1 }
            if isBlank { continue }
            return finish(start, keepsBytes ? .bytes(bytes) : .skipped, count: count)
        }
        isFinished = true
        return nil
    }

    // MARK: Elements

    private func nextElement(keepsBytes: Bool) throws -> ManifestRow? {
        if try nextByte() == UInt8(ascii: "]") { return try finishArray() }
        if row > 0 {
            guard try nextByte() == UInt8(ascii: ",") else { throw try unexpected("',' or ']'") }
            place += 1
        }
        guard let first = try nextByte() else { throw try unexpected("a row") }
        guard first != UInt8(ascii: "]"), first != UInt8(ascii: ",") else { throw try unexpected("a row") }
        let start = (line: line, offset: source.offset - chunk.count + place)
        var scanner = ElementScanner()
        var bytes: [UInt8] = []
        var count = 0
        while !scanner.isDone, try place < chunk.count || refill() {
            let end = scanner.scan(chunk, from: place)
            let part = chunk[place..<end]
            line += part.reduce(0) { $1 == 0x0A ? $0 + 1 : $0 }
            count += part.count
            if keepsBytes, count <= Self.largestRow { bytes += part }
            place = end
        }
        guard scanner.isDone || scanner.isScalar else {
            throw ManifestError(path: path, line: start.line, what: "the file ends within the row that starts here")
        }
        let isTooDeep = scanner.deepest > JSONValue.maximumDepth
        return finish(start, isTooDeep ? .tooDeep : keepsBytes ? .bytes(bytes) : .skipped, count: count)
    }

    private func finishArray() throws -> ManifestRow? {
        place += 1
        guard try nextByte() == nil else { throw try unexpected("nothing behind the array") }
        isFinished = true
        return nil
    }

    private func unexpected(_ expected: String) throws -> ManifestError {
        let got = try nextByte().map { (0x21..<0x7F).contains($0) ? "'\(Character(UnicodeScalar($0)))'" : "byte \($0)" }
        return ManifestError(
            path: path, line: line, what: "syntax error: expected \(expected), got \(got ?? "the end of the file")")
    }

    // MARK: Bytes

    private func finish(
        _ start: (line: Int, offset: Int), _ content: ManifestRow.Content, count: Int
    ) -> ManifestRow {
        row += 1
        return ManifestRow(
            number: row, line: start.line, offset: start.offset,
            content: count > Self.largestRow ? .tooLarge(count) : content, isElement: isArray, end: position)
    }

    /// The next byte that is not white space, unread; nil at the end.
    private func nextByte() throws -> UInt8? {
        while try place < chunk.count || refill() {
            let byte = chunk[place]
            if !Self.isSpace(byte) { return byte }
            if byte == 0x0A { line += 1 }
            place += 1
        }
        return nil
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 }

    /// Takes the next chunk; false at the end.
    private func refill() throws -> Bool {
        hash.update(chunk[hashed...])
        hashed = 0
        place = 0
        chunk = []
        guard let next = try source.next() else { return false }
        chunk = next
        return true
    }
}

/// Finds the end of one JSON value by its brackets and quotes, over any number of chunks.
private struct ElementScanner {
    private var depth = 0
    private var isInString = false
    private var isEscaped = false
    private var hasBegun = false
    /// Whether the value's last byte has been seen.
    private(set) var isDone = false
    /// How deep it nests.
    private(set) var deepest = 0

    /// Whether the value, as far as it was seen, is a number or a literal, which the end of the file may end.
    var isScalar: Bool { hasBegun && depth == 0 && !isInString }

    /// Reads on; the place behind the value's last byte, or the chunk's end.
    mutating func scan(_ chunk: [UInt8], from start: Int) -> Int {
        chunk.withUnsafeBufferPointer { chunk in
            for place in start..<chunk.count {
                let byte = chunk[place]
                if isInString {
                    if isEscaped {
                        isEscaped = false
                    } else if byte == UInt8(ascii: "\\") {
                        isEscaped = true
                    } else if byte == UInt8(ascii: "\"") {
                        isInString = false
                        if depth == 0 { return finish(place + 1) }
                    }
                    continue
                }
                switch byte {
                case UInt8(ascii: "\""): isInString = true
                case UInt8(ascii: "{"), UInt8(ascii: "["):
                    depth += 1
                    deepest = max(deepest, depth)
                case UInt8(ascii: "}"), UInt8(ascii: "]"):
                    // A bracket that was never opened ends a number or a literal; it belongs to the array.
                    if depth == 0 { return finish(place) }
                    depth -= 1
                    if depth == 0 { return finish(place + 1) }
                case UInt8(ascii: ","), 0x20, 0x0A, 0x0D, 0x09:
                    if depth == 0 { return finish(place) }
                default: break
                }
                hasBegun = true
            }
            return chunk.count
        }
    }

    private mutating func finish(_ place: Int) -> Int {
        isDone = true
        return place
    }
}
