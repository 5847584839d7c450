// How many threads a model is computed with.

import PipelineKit
import Testing

@testable import train

@Suite(.serialized) struct RunThreadsTests {
    @Test func `what was asked for holds, else the machine's cores`() {
        let before = ThreadTeam.count
        defer { ThreadTeam.count = before }
        #expect(ComputeThreads.apply(asked: 3) == 3 && ThreadTeam.count == 3)
        #expect(ComputeThreads.apply(asked: nil) == ComputeThreads.cores && ThreadTeam.count == ComputeThreads.cores)
    }
}
