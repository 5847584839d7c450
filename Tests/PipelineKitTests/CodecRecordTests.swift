import PipelineKit
import Testing

@Suite struct CodecRecordTests {
    let record = CodecRecord(
        name: "mel_rvq", sampleRate: 24_000, frameRate: 25, codebooks: 8, codebookSize: 128, digest: "00ff")

    @Test func `a record comes back from its JSON`() throws {
        for rate in [25, 12.5] {
            var record = record
            record.frameRate = rate
            let text = record.json.pythonDump()
            #expect(try CodecRecord(json: JSONValue(parsing: text), path: "x") == record)
        }
        #expect(
            record.json.pythonDump()
                == #"{"name": "mel_rvq", "sample_rate": 24000, "frame_rate": 25, "codebooks": 8, "codebook_size": 128, "#
                + #""digest": "00ff"}"#)
    }

    @Test(arguments: ["name", "sample_rate", "frame_rate", "codebooks", "codebook_size", "digest"])
    func `a missing or senseless member is named`(member: String) {
        for value in [JSONValue.null, .int(-1), .array([])] {
            var json = record.json.objectValue ?? [:]
            json[member] = value
            do {
                _ = try CodecRecord(json: .object(json), path: "codes/stage.json")
                Issue.record("\(member) = \(value.pythonDump()) passed")
            } catch {
                let failure = Failure(error)
                #expect(failure.status == .badData && failure.location == "codes/stage.json")
                #expect(failure.what.contains("'\(member)'"))
            }
        }
    }
}
