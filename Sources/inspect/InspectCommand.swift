import ArgumentParser
import PipelineKit

@main
struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "inspect")

    static func main() { runMain(Self.self) }

    func run() throws {
        throw Failure(.failed, "inspect is not built yet")
    }
}
