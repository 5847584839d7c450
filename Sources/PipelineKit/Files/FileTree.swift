// Removing what a killed or replaced piece of work has left. Foundation's errors do not say which file the system refused.

import Foundation

public enum FileTree {
    /// Removes a file, or a directory and all that is in it; links are removed, not followed. What is not there is no error.
    /// - Throws: `FileError` that names the first path that the system keeps.
    public static func remove(_ path: String) throws {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            if errno == ENOENT { return }
            throw FileError("remove", path)
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            guard unlink(path) == 0 || errno == ENOENT else { throw FileError("remove", path) }
            return
        }
        for name in try names(path) { try remove("\(path)/\(name)") }
        guard rmdir(path) == 0 || errno == ENOENT else { throw FileError("remove the directory", path) }
    }

    /// The names in a directory, in no order.
    /// - Throws: `FileError`.
    static func names(_ path: String) throws -> [String] {
        guard let handle = opendir(path) else { throw FileError("list the directory", path) }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}
