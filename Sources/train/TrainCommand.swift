import ArgumentParser
import PipelineKit

@main
struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "train")

    static func main() { runMain(Self.self) }

    func run() throws {
        throw Failure(.failed, "train is not built yet")
    }
}
