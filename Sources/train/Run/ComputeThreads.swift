// How many threads compute. Results depend on it in the last bits, because sums are split otherwise; a run goes on bit
// for bit only with as many threads as before.

import Foundation
import PipelineKit

enum ComputeThreads {
    /// The machine's cores.
    static var cores: Int { ProcessInfo.processInfo.activeProcessorCount }

    /// Tells the kernels how many threads to use: those that were asked for, else one a core. How many of them a piece of
    /// work is worth, each kernel knows.
    @discardableResult
    static func apply(asked: Int?) -> Int {
        let count = asked ?? cores
        ThreadTeam.count = count
        return count
    }
}
