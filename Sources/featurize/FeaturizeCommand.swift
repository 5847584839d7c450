import ArgumentParser
import PipelineKit

@main
struct FeaturizeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "featurize")

    static func main() { runMain(Self.self) }

    func run() throws {
        throw Failure(.failed, "featurize is not built yet")
    }
}
