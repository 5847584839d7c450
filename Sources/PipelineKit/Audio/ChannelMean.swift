// The mean of a clip's channels, which every stage works on: their sum from the first on, divided by their number. Of samples that
// lie frame by frame, as libsndfile gives them, and channel by channel, as the decoders of formats do.

enum ChannelMean {
    /// - Parameter block: whole frames. // (frames, channels)
    static func interleaved(
        _ block: UnsafeBufferPointer<Float>, channels: Int, into mono: UnsafeMutablePointer<Float>
    ) {
        if channels == 2 {  // by itself, because a loop over two channels does not become vectors
            for frame in 0..<block.count / 2 { mono[frame] = (block[2 * frame] + block[2 * frame + 1]) * 0.5 }
            return
        }
        let scale = Float(channels)
        for frame in 0..<block.count / channels {
            var sum: Float = 0
            for channel in 0..<channels { sum += block[frame * channels + channel] }
            mono[frame] = sum / scale
        }
    }

    /// - Parameters:
    ///   - planes: `count` samples of each channel.
    ///   - value: what a sample stands for, full scale being 1.
    @inline(__always)
    static func planar<Sample>(
        _ planes: [UnsafePointer<Sample>], count: Int, into mono: UnsafeMutablePointer<Float>,
        _ value: (Sample) -> Float
    ) {
        switch planes.count {
        case 1:
            let only = planes[0]
            for index in 0..<count { mono[index] = value(only[index]) }
        case 2:
            let (first, second) = (planes[0], planes[1])
            for index in 0..<count { mono[index] = (value(first[index]) + value(second[index])) * 0.5 }
        default:
            let scale = Float(planes.count)
            for index in 0..<count {
                var sum: Float = 0
                for plane in planes { sum += value(plane[index]) }
                mono[index] = sum / scale
            }
        }
    }
}
