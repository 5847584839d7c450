import ArgumentParser
import PipelineKit

@main
struct TokenizeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "tokenize")

    static func main() { runMain(Self.self) }

    func run() throws {
        throw Failure(.failed, "tokenize is not built yet")
    }
}
