import TestSupport
import Testing

/// What the programs say of themselves.
@Suite struct HelpTests {
    @Test(arguments: ["ingest", "featurize", "tokenize", "train", "inspect"])
    func `help teaches by example and exits 0`(name: String) throws {
        let result = try BuiltProgram(name).run(["--help"]).expecting(0)
        #expect(result.output.lowercased().contains("examples"))
        #expect(result.output.contains("\(name) "))
        #expect(result.errors.isEmpty)
    }

    @Test(arguments: ["ingest", "featurize", "tokenize", "train", "inspect"])
    func `the version is a line`(name: String) throws {
        let result = try BuiltProgram(name).run(["--version"]).expecting(0)
        #expect(result.output.split(separator: "\n").count == 1)
        #expect(result.output.hasPrefix("0."))
    }

}
