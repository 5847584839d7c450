// How many threads a model is computed with.

import PipelineKit
import Testing

@testable import train

@Suite(.serialized) struct RunThreadsTests {
    @Test func `what was asked for holds, else small models take one thread and others the machine's cores`() {
        let before = ThreadTeam.count
        defer { ThreadTeam.count = before }
        #expect(ComputeThreads.apply(asked: 2, width: 16) == 2)
        #expect(ComputeThreads.apply(asked: nil, width: ComputeThreads.leastWidth - 1) == 1)
        #expect(ThreadTeam.count == 1)
        #expect(ComputeThreads.apply(asked: nil, width: ComputeThreads.leastWidth) == ComputeThreads.cores)
    }
}
