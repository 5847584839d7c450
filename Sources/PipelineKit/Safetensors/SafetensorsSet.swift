// The weights of a model directory as transformers writes them: one model.safetensors, or several files and the index that
// says which tensor lies where. All files are mapped; nothing is read before it is asked for.

import Foundation

/// The open safetensors files of one model.
public final class SafetensorsSet: Sendable {
    public static let fileName = "model.safetensors"
    public static let indexName = "model.safetensors.index.json"
    /// transformers' bound on a file (`max_shard_size`): 5 GB.
    public static let defaultShardBytes = 5_000_000_000

    /// What errors name: the one file, or the index.
    public let path: String
    /// Sorted by name.
    public let files: [SafetensorsFile]

    /// `model-00002-of-00003.safetensors` for the number 1.
    public static func shardName(_ number: Int, of count: Int) -> String {
        String(format: "model-%05d-of-%05d.safetensors", number + 1, count)
    }

    /// Whether a directory has weights that can be opened.
    public static func exists(in directory: String) -> Bool {
        [fileName, indexName].contains { FileManager.default.fileExists(atPath: directory + "/" + $0) }
    }

    /// Opens the weights of a directory: model.safetensors where there is one, else what the index names.
    /// - Throws: `FileError`; `SafetensorsError`, also where files and index contradict each other.
    public init(directory: String) throws {
        let single = directory + "/" + Self.fileName, index = directory + "/" + Self.indexName
        let files = FileManager.default
        if files.fileExists(atPath: single) || !files.fileExists(atPath: index) {
            path = single
            self.files = [try SafetensorsFile(path: single)]
            return
        }
        path = index
        let places = try Self.places(index)
        let names = Set(places.map { Array($0.file.utf8) }).map { String(decoding: $0, as: UTF8.self) }
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        self.files = try names.map { name in
            do {
                return try SafetensorsFile(path: directory + "/" + name)
            } catch let error as FileError where error.code == ENOENT || error.code == ENAMETOOLONG {
                throw SafetensorsError(path: index, .tensor("the index names \(name), which is not there"))
            }
        }
        // Each tensor lies where the index says, and nowhere else.
        let byName = Dictionary(uniqueKeysWithValues: zip(names.map { Array($0.utf8) }, self.files))
        for (name, file) in places where byName[Array(file.utf8)]?.tensor(name) == nil {
            throw SafetensorsError(path: index, tensor: name, .tensor("the index puts it into \(file), which lacks it"))
        }
        let indexed = Set(places.map { Array($0.name.utf8) })
        for tensor in self.files.flatMap(\.tensors) where !indexed.contains(Array(tensor.name.utf8)) {
            throw SafetensorsError(path: tensor.path, tensor: tensor.name, .tensor("the index does not name it"))
        }
        guard self.files.reduce(0, { $0 + $1.tensors.count }) == places.count else {
            throw SafetensorsError(path: index, .header("a tensor lies in two of its files"))
        }
    }

    /// The index's `weight_map`. Files must be plain names.
    private static func places(_ index: String) throws -> [(name: String, file: String)] {
        let document = try JSONValue(contentsOfFile: index)
        guard let map = document["weight_map"]?.objectValue, !map.members.isEmpty else {
            throw SafetensorsError(path: index, .header("it has no weight_map: not an index of safetensors files"))
        }
        return try map.members.map { name, value in
            guard let file = value.stringValue, !file.isEmpty, !file.utf8.contains(UInt8(ascii: "/")),
                !file.utf8.contains(0), !file.hasPrefix(".")
            else {
                throw SafetensorsError(path: index, tensor: name, .tensor("the index gives no plain file name for it"))
            }
            return (name, file)
        }
    }

    /// The tensors of all files.
    public var tensors: [SafetensorsTensor] { files.flatMap(\.tensors) }

    /// The tensor of a name; nil where there is none. Its bytes are valid as long as this object lives.
    public func tensor(_ name: String) -> SafetensorsTensor? {
        for file in files { if let tensor = file.tensor(name) { return tensor } }
        return nil
    }

    /// The names of the files, without directories.
    public var fileNames: [String] { files.map { URL(fileURLWithPath: $0.path).lastPathComponent } }
}
