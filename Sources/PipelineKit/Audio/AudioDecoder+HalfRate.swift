// Vorbis at half of its rate, where the half holds all that is wanted.
//
// Of a clip at 44.1 or 48 kHz the log-mel sees what lies below 8 kHz, and libvorbis takes four fifths of the time to decode and
// convert it. It can leave out the upper half of each block's spectrum, and the output is then the lower half of the sound at
// half of the rate: sample n stands at 2n + ½ samples of the whole, because a block of the inverse transform (MDCT) has its
// samples between the grid points. The resampler moves it by that half.
//
// What is not exact: a block's window smears a little of the upper half into the lower, which decoding all would cancel. Away
// from the ends, in dB of the clip's energy: speech −119, noise −121, bursts of noise and single clicks −90 (measured at 44.1 and
// 48 kHz; HalfRateTests holds it to that). Where sound begins at once with the clip, neither rate knows when between two
// samples it did: up to −62 with the ends. The log-mel of speech differs by 0.00003 in the mean, a thirtieth of a step of
// Float16 at 1.

extension AudioDecoder {
    /// Decodes to the end, averages the channels and converts to `rate`, by way of half of the clip's rate. // (S)
    ///
    /// Nil, and nothing done, for what is not Vorbis, for a half that would not reach 1.25 × the target's Nyquist frequency,
    /// and for streams on whose length libsndfile and libvorbisfile do not agree.
    ///
    /// - Throws: as `decodeMono`.
    func decodeMonoAtHalfRate(to rate: Int) throws -> [Float]? {
        guard position == 0, info.isVorbis, 2 * info.sampleRate >= 5 * rate, let frames = info.claimedFrames else {
            return nil
        }
        try checkContainer()
        guard let vorbis = VorbisFile(halfRateOf: soundFile.file), vorbis.sampleRate == info.sampleRate,
            vorbis.channels == info.channels, vorbis.frames == frames,
            let stream = FourierResampler.stream(
                fromHalfOf: info.sampleRate, to: rate, expectedCount: expectedFrames / 2)
        else { return nil }
        let block = UnsafeMutablePointer<Float>.allocate(capacity: Self.blockSamples)
        defer { block.deallocate() }
        var count = 0
        while true {
            let got: Int
            do {
                got = try vorbis.readMono(Self.blockSamples, into: block)
            } catch let error as VorbisFile.DecodingError {
                throw AudioError(.damaged(frame: 2 * count, "libvorbisfile: \(error.code)"), source: source)
            }
            if got == 0 { break }
            let samples = UnsafeBufferPointer(start: block, count: got)
            if let bad = Float.firstNonFinite(samples) {
                throw AudioError(.nonFinite(frame: 2 * (count + bad)), source: source)
            }
            stream.append(samples)
            count += got
        }
        try Self.checkReads(of: vorbis.file, source: source)
        guard count == frames / 2 || count == (frames + 1) / 2 else { return nil }
        position = frames
        return stream.finish(halfOf: frames)
    }
}
