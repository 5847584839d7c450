// What can be wrong with a safetensors file.

/// An error of a safetensors file, with the file and, where it is about one, the tensor.
public struct SafetensorsError: PersonReadable, Equatable {
    public enum Reason: Sendable, Equatable {
        case header(String)
        case tensor(String)
        case missingTensor
        case elementType(got: String, expected: String)
        case shape(got: [Int], expected: [Int])
    }

    public var path: String
    /// nil where the error is not about one tensor.
    public var tensor: String?
    public var reason: Reason

    public init(path: String, tensor: String? = nil, _ reason: Reason) {
        self.path = path
        self.tensor = tensor
        self.reason = reason
    }

    public var failure: Failure {
        let what =
            switch reason {
            case .header(let text): "not a safetensors file: \(text.escapedForTerminal)"
            case .tensor(let text): text.escapedForTerminal
            case .missingTensor: "there is no such tensor"
            case .elementType(let got, let expected): "element type \(got.escapedForTerminal), expected \(expected)"
            case .shape(let got, let expected): "shape \(got), expected \(expected)"
            }
        let place = path.escapedForTerminal + (tensor.map { ": tensor '\($0.escapedForTerminal)'" } ?? "")
        let isDamaged =
            switch reason {
            case .header, .tensor: true
            default: false
            }
        return Failure(.badData, what, at: place, remedy: isDamaged ? "copy or download the file again" : nil)
    }
}
