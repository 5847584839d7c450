// From log-mel frames back to sound: linear power by multiplicative updates, phases by the fast Griffin-Lim algorithm
// (Perraudin, Balazs and Søndergaard, 2013; momentum 0.99, as librosa 0.11's griffinlim). Nothing is learned here: what it
// plays is what the codes hold.

import Foundation
import PipelineKit

/// Synthesis from the codec's log-mel frames.
struct GriffinLim: Sendable {
    let frames = MelFrames()
    /// Rounds of phases. 60 are audibly settled; the rest costs little.
    var iterations = 100
    /// Rounds of the mel inversion.
    var inversions = 60
    var momentum: Float = 0.99

    /// A waveform whose log-mel frames come close to `logMel` // (frames, M). // (frames · 240)
    ///
    /// - Parameter gain: what the powers are multiplied with.
    func synthesize(_ logMel: [Float], gain: Float) throws -> [Float] {
        let count = logMel.count / MelFrames.binCount
        precondition(count > 0 && logMel.count == count * MelFrames.binCount, "log-mel frames are (frames, M)")
        let energies = logMel.map { value in
            // What lies at the floor was silence or unknown; it must not hiss.
            value <= log10(MelFrames.floorEnergy) ? 0 : gain * Float(pow(10, Double(value)))
        }
        let spectra = SpectrumBuffer(frames: count, transform: frames.spectrum)
        let magnitudes = magnitudes(energies, count: count)
        return try spectra.reconstruct(magnitudes, iterations: iterations, momentum: momentum)
    }

    /// Magnitudes whose filtered powers come close to mel energies: p ← p · Fᵀ(m / Fp) / Fᵀ1, which never leaves the
    /// positive numbers and keeps the energy (Lee and Seung, 2000, for one factor). // (frames, M) → (frames, 513)
    private func magnitudes(_ energies: [Float], count: Int) -> [Float] {
        let bins = MelFrames.binCount, width = frames.filterBank.spectrumCount
        var filters = [Float](repeating: 0, count: bins * width)  // (M, 513)
        for (bin, filter) in frames.filterBank.filters.enumerated() {
            filters.replaceSubrange(
                bin * width + filter.first..<bin * width + filter.first + filter.weights.count, with: filter.weights)
        }
        let sums = (0..<width).map { index in (0..<bins).reduce(Float(0)) { $0 + filters[$1 * width + index] } }
        var power = [Float](repeating: 0, count: count * width)  // (frames, 513)
        var filtered = energies  // (frames, M): m / Fp; at first m itself, which spreads each filter's energy evenly
        var correction = [Float](repeating: 0, count: count * width)
        for round in 0...inversions {
            matmul(
                m: count, n: width, k: bins, a: filtered, lda: bins, b: filters, ldb: width, c: &correction, ldc: width)
            for index in power.indices {
                let scale = correction[index] / max(sums[index % width], 1e-9)
                power[index] = round == 0 ? scale : power[index] * scale
            }
            matmul(
                transposeB: true, m: count, n: bins, k: width, a: power, lda: width, b: filters, ldb: width,
                c: &filtered, ldc: bins)
            for index in filtered.indices { filtered[index] = energies[index] / max(filtered[index], 1e-20) }
        }
        return power.map { $0.squareRoot() }
    }
}

/// The frames of one waveform as complex spectra, sixteen frames a group. Owned by one call; not Sendable.
private final class SpectrumBuffer {
    private let frames: Int
    private let groups: Int
    private let spectrum: PowerSpectrum
    private let bins: Int
    private let data: ComplexLanes
    private let scratch: ComplexLanes
    /// Spectra as they are, and those of the round before. // (groups, bins)
    private let current: ComplexLanes, previous: ComplexLanes
    /// Silence, the waveform, silence. // (samplesNeeded)
    private var signal: [Float]
    /// Σ window² over the frames at each sample. // (samplesNeeded)
    private var envelope: [Float]
    private var waveform: Range<Int> {
        MelFrames.leadSamples..<MelFrames.leadSamples + frames * spectrum.hopSamples
    }

    init(frames: Int, transform spectrum: PowerSpectrum) {
        self.frames = frames
        self.spectrum = spectrum
        bins = spectrum.transform.binCount
        groups = (frames + Lanes.scalarCount - 1) / Lanes.scalarCount
        data = ComplexLanes.allocate(spectrum.transform.bufferCount)
        scratch = ComplexLanes.allocate(spectrum.transform.bufferCount)
        current = ComplexLanes.allocate(groups * bins)
        previous = ComplexLanes.allocate(groups * bins)
        signal = [Float](repeating: 0, count: spectrum.samplesNeeded(frames: frames))
        envelope = signal
        for frame in 0..<frames {
            for (index, weight) in spectrum.window.enumerated() {
                envelope[frame * spectrum.hopSamples + index] += weight * weight
            }
        }
    }

    deinit {
        for buffer in [data, scratch, current, previous] { buffer.deallocate() }
    }

    /// - Parameter magnitudes: // (frames, bins)
    func reconstruct(_ magnitudes: [Float], iterations: Int, momentum: Float) throws -> [Float] {
        // Any phases do to start with; random ones have no click where all frames agree.
        var random = SplitMix64(seed: 0x5EED)
        for frame in 0..<groups * Lanes.scalarCount {
            let (group, lane) = frame.quotientAndRemainder(dividingBy: Lanes.scalarCount)
            for bin in 0..<bins where frame < frames {
                let angle = 2 * Float.pi * Float(random.uniform())
                current.real[group * bins + bin][lane] = magnitudes[frame * bins + bin] * cos(angle)
                current.imaginary[group * bins + bin][lane] = magnitudes[frame * bins + bin] * sin(angle)
            }
        }
        let target = UnsafeMutablePointer<Lanes>.allocate(capacity: groups * bins)
        defer { target.deallocate() }
        for group in 0..<groups {
            for bin in 0..<bins {
                var values = Lanes.zero
                for lane in 0..<min(Lanes.scalarCount, frames - group * Lanes.scalarCount) {
                    values[lane] = magnitudes[(group * Lanes.scalarCount + lane) * bins + bin]
                }
                target[group * bins + bin] = values
            }
        }
        let weight = momentum / (1 + momentum)
        for _ in 0..<iterations {
            try Interrupt.check()
            synthesizeSignal()
            for group in 0..<groups {
                analyze(group)
                for bin in 0..<bins {
                    let place = group * bins + bin
                    let real = data.real[bin], imaginary = data.imaginary[bin]
                    let movedReal = real - weight * previous.real[place]
                    let movedImaginary = imaginary - weight * previous.imaginary[place]
                    let length = (movedReal * movedReal + movedImaginary * movedImaginary + 1e-20).squareRoot()
                    current.real[place] = target[place] * movedReal / length
                    current.imaginary[place] = target[place] * movedImaginary / length
                    previous.real[place] = real
                    previous.imaginary[place] = imaginary
                }
            }
        }
        synthesizeSignal()
        return Array(signal[waveform])
    }

    /// The waveform nearest to the spectra in the least-squares sense (Griffin and Lim, 1984, eq. 6); silence around it.
    private func synthesizeSignal() {
        for index in signal.indices { signal[index] = 0 }
        let window = spectrum.window
        let scale = 2 / Float(spectrum.frameSamples)
        signal.withUnsafeMutableBufferPointer { signal in
            for group in 0..<groups {
                data.real.update(from: current.real + group * bins, count: bins)
                data.imaginary.update(from: current.imaginary + group * bins, count: bins)
                spectrum.transform.inverse(data, scratch: scratch)
                for index in 0..<spectrum.frameSamples / 2 {
                    let even = data.real[index] * (window[2 * index] * scale)
                    let odd = data.imaginary[index] * (window[2 * index + 1] * scale)
                    for lane in 0..<min(Lanes.scalarCount, frames - group * Lanes.scalarCount) {
                        let start = (group * Lanes.scalarCount + lane) * spectrum.hopSamples + 2 * index
                        signal[start] += even[lane]
                        signal[start + 1] += odd[lane]
                    }
                }
            }
            for index in signal.indices {
                signal[index] = waveform.contains(index) ? signal[index] / max(envelope[index], 1e-3) : 0
            }
        }
    }

    /// Leaves the spectra of a group's frames in `data`.
    private func analyze(_ group: Int) {
        let window = spectrum.window
        signal.withUnsafeBufferPointer { signal in
            for index in 0..<spectrum.frameSamples / 2 {
                var even = Lanes.zero, odd = Lanes.zero
                for lane in 0..<Lanes.scalarCount {
                    let start = (group * Lanes.scalarCount + lane) * spectrum.hopSamples + 2 * index
                    even[lane] = signal[start]
                    odd[lane] = signal[start + 1]
                }
                data.real[index] = even * window[2 * index]
                data.imaginary[index] = odd * window[2 * index + 1]
            }
        }
        spectrum.transform.forward(data, scratch: scratch)
    }
}
