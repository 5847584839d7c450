// How many threads compute. Results depend on it in the last bits, because sums are split otherwise; a run goes on bit
// for bit only with as many threads as before.

import Foundation
import PipelineKit

enum ComputeThreads {
    /// Models narrower than this are computed by one thread: their products are so small that threads wait for each other
    /// longer than they compute, and far longer where the cores are busy with something else. (Width 128, 30 steps of
    /// configs/tiny.yaml on two busy cores: 22 s with one thread, 74 s with two.)
    static let leastWidth = 256

    /// The machine's cores.
    static var cores: Int { ProcessInfo.processInfo.activeProcessorCount }

    /// Tells the linear algebra how many threads to use: those that were asked for, else what suits the model.
    static func apply(asked: Int?, width: Int) -> Int {
        let count = asked ?? (width < leastWidth ? 1 : cores)
        ThreadTeam.count = count
        return count
    }
}
