// What libFuzzer calls. One program holds all targets; SAWT_FUZZ names the one that runs. A reader may throw what a person
// can read, and nothing else: a trap, another error, or a broken promise is a finding.

import Foundation
import PipelineKit

// SwiftPM names an executable's entry after its module, so that libFuzzer's own `main` is not used but its driver.
@_cdecl("fuzz_main")
public func fuzzMain(
    _ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> CInt {
    var count = count, arguments = arguments
    return runDriver(&count, &arguments, fuzzOneInput)
}

private typealias Callback = @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>, _ callback: Callback
) -> CInt

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = UnsafeRawBufferPointer(start: start, count: count)
    do {
        try target(bytes)
    } catch {
        guard error is any PersonReadable || error is Failure || error is Reject else {
            fatalError("no error for people: \(error)")
        }
        if !(error is Reject) { _ = Failure(error).description }
    }
    return 0
}

private let targets: [String: @Sendable (UnsafeRawBufferPointer) throws -> Void] = [
    "json": fuzzJSON, "row": fuzzRow, "manifest": fuzzManifest, "tokenizer": fuzzTokenizer, "text": fuzzText,
    "index": fuzzIndex, "shard": fuzzShard, "safetensors": fuzzSafetensors, "yaml": fuzzYAML,
]

private let target: @Sendable (UnsafeRawBufferPointer) throws -> Void = {
    let name = ProcessInfo.processInfo.environment["SAWT_FUZZ"] ?? ""
    guard let target = targets[name] else {
        fatalError("SAWT_FUZZ is one of \(targets.keys.sorted().joined(separator: ", ")), not '\(name)'")
    }
    return target
}()

/// A folder of this process in memory, for readers that open files.
private let folder: String = {
    let path = "/dev/shm/sawt-fuzz-\(getpid())"
    mkdir(path, 0o700)
    atexit { try? FileManager.default.removeItem(atPath: "/dev/shm/sawt-fuzz-\(getpid())") }
    return path
}()

/// The path of a file with these bytes.
private func file(_ name: String, _ bytes: UnsafeRawBufferPointer) -> String {
    let path = "\(folder)/\(name)"
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0, write(descriptor, bytes.baseAddress, bytes.count) == bytes.count else {
        fatalError("cannot write \(path)")
    }
    close(descriptor)
    return path
}

// MARK: Text

/// What was read is written so that it reads back the same.
private func fuzzJSON(_ bytes: UnsafeRawBufferPointer) throws {
    let value = try JSONValue(parsing: bytes)
    for ascii in [true, false] {
        let again = try JSONValue(parsing: value.pythonDump(ascii: ascii))
        precondition(again == value, "reads back otherwise")
    }
}

private func fuzzRow(_ bytes: UnsafeRawBufferPointer) throws {
    let row = try JSONValue(parsing: bytes)
    _ = try RowParser.id(of: row)
    let parsed = try RowParser(addedToken: { Tokenizer.byteLevel.firstAddedToken(in: $0) }).parse(row)
    for tokenizer in [Tokenizer.byteLevel, fixtureTokenizer] {
        let layout = try ConversationLayout(tokenizer: tokenizer)
        let sequence = try layout.sequence(of: parsed.turns, startIndex: parsed.startIndex)
        precondition(sequence.inputIDs.count == sequence.labelIDs.count, "ids and labels of different lengths")
        precondition(sequence.isTarget.count == parsed.clips.count, "clips and placeholders differ")
        let controls = Set(tokenizer.record.controlTokens.values)
        for (id, position) in zip(sequence.inputIDs, sequence.positions) where position.kind == .text {
            precondition(!controls.contains(id), "a control token among the ids of a text")
        }
    }
}

/// Plain, gzip or zstd by its first bytes. Counting the rows and copying them must agree.
private func fuzzManifest(_ bytes: UnsafeRawBufferPointer) throws {
    let path = file("manifest", bytes)
    func rows(keepsBytes: Bool) throws -> [Int] {
        let reader = try ManifestReader(path: path)
        var ends: [Int] = []
        while let row = try reader.next(keepsBytes: keepsBytes) {
            ends.append(row.end.offset)
            // A bomb is some other test's business.
            if row.end.offset > 1 << 24 || ends.count > 1 << 16 { break }
        }
        return ends
    }
    let kept = try rows(keepsBytes: true)
    let counted = try rows(keepsBytes: false)
    precondition(kept == counted, "counted otherwise than read")
}

/// Whatever a tokenizer.json says, it can be used.
private func fuzzTokenizer(_ bytes: UnsafeRawBufferPointer) throws {
    let tokenizer = try Tokenizer.load(json: bytes, path: "tokenizer.json")
    let text = "It's 3.14! <|AUDIO_OUT|> سلامٌ\r\n  x"
    _ = tokenizer.decode(tokenizer.encode(text))
    _ = tokenizer.firstAddedToken(in: text)
}

private let fixtureTokenizer: Tokenizer = {
    do { return try Tokenizer.load(path: ProcessInfo.processInfo.environment["SAWT_TOKENIZER"] ?? "") } catch {
        fatalError("SAWT_TOKENIZER: \(error)")
    }
}()

private func fuzzText(_ bytes: UnsafeRawBufferPointer) throws {
    guard let text = String(validating: bytes, as: UTF8.self) else { return }
    for tokenizer in [Tokenizer.byteLevel, fixtureTokenizer] {
        let ids = tokenizer.encode(text)
        precondition(tokenizer.decode(ids).utf8.elementsEqual(text.utf8), "decodes to another text")
        if tokenizer.firstAddedToken(in: text) == nil {
            let controls = Set(tokenizer.record.controlTokens.values)
            precondition(!ids.contains(where: controls.contains), "a control token out of a text that has none")
        }
        precondition(ids.allSatisfy { $0 >= 0 && $0 < tokenizer.vocabularySize }, "an id outside the vocabulary")
    }
}

private func fuzzYAML(_ bytes: UnsafeRawBufferPointer) throws {
    guard let text = String(validating: bytes, as: UTF8.self) else { return }
    let config = try TrainConfig(yaml: text, file: "c.yaml")
    let again = try TrainConfig(yaml: config.yaml, file: "c.yaml")
    precondition(again == config, "the resolved config reads back otherwise")
}

// MARK: Binary

private func fuzzIndex(_ bytes: UnsafeRawBufferPointer) throws {
    let index = try MDSIndex(parsing: bytes)
    let again = try index.bytes.withUnsafeBytes { try MDSIndex(parsing: $0) }
    precondition(again.shards == index.shards, "the index reads back otherwise")
}

/// A raw shard with a column of every encoding, whose index entry fits its size and number of samples.
private func fuzzShard(_ bytes: UnsafeRawBufferPointer) throws {
    guard bytes.count >= 8 else { return }
    let samples = Int(bytes.loadUnaligned(as: UInt32.self).littleEndian)
    guard samples <= (bytes.count - 8) / 4 else { return }
    guard var entry = MDSConfiguration.fuzzed.objectValue else { return }
    entry["raw_data"] = ["basename": "shard", "bytes": .int(bytes.count), "hashes": [:]]
    entry["samples"] = .int(samples)
    entry["zip_data"] = .null
    _ = file("shard", bytes)
    let reader = try MDSReader(directory: folder, shards: [MDSShardInfo(json: .object(entry))], verifyHashes: false)
    let shard = try reader.shard(0)
    for index in 0..<shard.count {
        guard let row = try? shard.row(index) else { continue }
        // Floats are compared as bytes: a NaN differs from itself.
        let encoded = try shard.info.configuration.encode(row)
        precondition(encoded.byteCount > 0, "a row without bytes")
        _ = try? StoredClip.clips(of: row)
    }
}

extension MDSConfiguration {
    /// Columns that the programs read, and encodings that only other writers use.
    static let fuzzed: JSONValue = {
        let columns: [(String, String, JSONValue)] = [
            ("audio", "bytes", .null), ("audio_offsets", "ndarray:int64", .null),
            ("audio_roles", "ndarray:uint8", .null),
            ("c", "float32", 4), ("fixed", "ndarray:int32:2,3", 24), ("free", "ndarray", .null), ("i", "int", 8),
            ("id", "str", .null), ("json", "json", .null), ("u", "uint64", 8),
        ]
        return [
            "column_encodings": .array(columns.map { .string($0.1) }),
            "column_names": .array(columns.map { .string($0.0) }), "column_sizes": .array(columns.map { $0.2 }),
            "compression": .null, "format": "mds", "hashes": [], "size_limit": .null, "version": 2,
        ]
    }()
}

private func fuzzSafetensors(_ bytes: UnsafeRawBufferPointer) throws {
    let opened = try SafetensorsFile(path: file("tensors", bytes))
    for tensor in opened.tensors {
        precondition(
            opened.tensor(tensor.name)?.bytes.count == tensor.bytes.count, "a tensor that its name does not find")
        _ = try? opened.floats(tensor.name)
        _ = try? opened.integers(tensor.name)
    }
}
