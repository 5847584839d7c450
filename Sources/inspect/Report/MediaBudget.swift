// How much sound and how many pictures a page may hold.

import PipelineKit

/// What the embedded media of a page take so far.
struct MediaBudget {
    /// Of all media together, as they stand in the page.
    static let limitBytes = 8 << 20
    /// Of one clip.
    static let longestSeconds = 20.0
    /// Clips that are shown of one sample.
    static let clipsASample = 6

    private(set) var used = 0
    /// Whether something did not fit.
    private(set) var isFull = false

    /// The address of media, if there is still room for it.
    mutating func address(_ bytes: [UInt8], type: StaticString) -> String? {
        let size = (bytes.count + 2) / 3 * 4
        guard used + size <= Self.limitBytes else {
            isFull = true
            return nil
        }
        used += size
        return Markup.dataAddress(bytes, type: type)
    }
}
