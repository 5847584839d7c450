// Which base an adapter was trained on. The published base has 11 GB; reading all of it for each checkpoint would cost
// minutes, so the fingerprint samples: every tensor's name, type and shape, and the bytes at its start, middle and end.

import PipelineKit

enum BaseFingerprint {
    /// Bytes that are hashed at each of three places of a tensor; smaller tensors are hashed whole.
    private static let sampledBytes = 4_096

    /// 16 hexadecimal digits: xxh64 of what is sampled. Any step of training changes nearly every value of a tensor, so
    /// that a base that was trained on has another one; a single changed value may not.
    static func digits(_ files: SafetensorsSet) -> String {
        var text = ""
        for tensor in files.tensors.sorted(by: { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }) {
            text += "\(tensor.name) \(tensor.elementType.safetensorsName) \(tensor.shape)"
            for range in places(tensor.bytes.count) {
                let bytes = UnsafeRawBufferPointer(rebasing: tensor.bytes[range])
                text += " " + XXH64.hash(bytes).hexDigits
            }
            text += "\n"
        }
        return withExtendedLifetime(files) { XXH64.hash(Array(text.utf8)).hexDigits }
    }

    private static func places(_ count: Int) -> [Range<Int>] {
        guard count > 3 * sampledBytes else { return [0..<count] }
        let middle = (count - sampledBytes) / 2
        return [0, middle, count - sampledBytes].map { $0..<$0 + sampledBytes }
    }
}
