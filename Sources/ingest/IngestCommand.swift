import ArgumentParser
import PipelineKit

@main
struct IngestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "ingest")

    static func main() { runMain(Self.self) }

    func run() throws {
        throw Failure(.failed, "ingest is not built yet")
    }
}
