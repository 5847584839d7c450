// safetensors: header and all values.

import Foundation
import PipelineKit

extension Format {
    static let tensors: [Format] = [
        Format(
            name: "safetensors", folder: "tensors", file: "batch.safetensors", kind: .binary, weight: 6,
            open: { place in
                let file = try SafetensorsFile(path: place.file)
                var digest = MeaningDigest()
                for (key, value) in file.metadata { digest.add("\(key)=\(value)") }
                for tensor in file.tensors {
                    digest.add("\(tensor.name) \(tensor.elementType) \(tensor.shape)")
                    switch tensor.elementType {
                    case .float16, .bfloat16, .float32, .float64: digest.add(values: try file.floats(tensor.name))
                    default: digest.add(values: try file.integers(tensor.name))
                    }
                }
                return digest.value
            })
    ]
}
