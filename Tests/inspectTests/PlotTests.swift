import Foundation
import PipelineKit
import TestSupport
import Testing

@testable import inspect

@Suite struct PlotTests {
    /// A clip of noise bursts with codes.
    private func view(seconds: Double, rate: Int = 16_000, frames: Int, codebooks: Int = 8) throws -> ClipView {
        var random = SplitMix64(seed: 3)
        let samples = (0..<Int(seconds * Double(rate))).map { index in
            Float(random.uniform() - 0.5) * (index / 1_000 % 3 == 0 ? 0.8 : 0.05)
        }
        let bytes = try AudioEncoder.wav(samples, channels: 1, sampleRate: rate, source: "test")
        let audio = try ClipAudio(bytes[...], source: "test")
        return ClipView(
            number: 0, role: "in", audio: audio, mel: MelImage(of: audio.waveform), melOrigin: "made here",
            codes: RawCodes(
                codebooks: codebooks, frames: frames,
                values: (0..<codebooks * frames).map { _ in UInt16(random.below(64)) }),
            frameRate: 25, codebookSize: 64, seconds: audio.waveform.seconds)
    }

    @Test func `a colormap starts and ends as matplotlib's and never gets darker`() {
        for (map, first, last) in [
            (Colormap.magma, Color(0x000004), Color(0xFCFDBF)), (Colormap.viridis, Color(0x440154), Color(0xFDE725)),
        ] {
            #expect(map.color(0) == first && map.color(-3) == first && map.color(.nan) == first)
            #expect(map.color(1) == last && map.color(.infinity) == last)
            // Relative luminance with Rec. 709 weights, without the gamma: enough for an order.
            let lightness = map.palette.map {
                0.2126 * Double($0.red) + 0.7152 * Double($0.green) + 0.0722 * Double($0.blue)
            }
            #expect(zip(lightness, lightness.dropFirst()).allSatisfy { $0 <= $1 + 1 })
        }
    }

    @Test(arguments: [(1, 1), (7, 3), (33, 128)])
    func `pictures come back from libpng pixel by pixel`(width: Int, height: Int) throws {
        var random = SplitMix64(seed: 1)
        var raster = Raster(width: width, height: height, color: Color(0x102030))
        for y in 0..<height { for x in 0..<width where random.below(2) == 0 { raster.set(x, y, Color(0xA0B0FF)) } }
        let png = try PNG.encode(raster)
        #expect(DecodedPNG.hasSignature(png))
        let decoded = try #require(DecodedPNG(png))
        #expect(decoded.width == width && decoded.height == height && decoded.pixels == raster.pixels)

        let pixels = (0..<width * height).map { _ in UInt8(random.below(256)) }
        let palette = Colormap.magma.palette
        let colors = pixels.flatMap { [palette[Int($0)].red, palette[Int($0)].green, palette[Int($0)].blue] }
        let mapped = try #require(
            DecodedPNG(try PNG.encode(width: width, height: height, pixels: pixels, palette: palette)))
        #expect(mapped.pixels == colors)
    }

    @Test func `the font has every character that labels use`() throws {
        let labels =
            "0123456789.,:()+-/= clip in out waveform, peak dBFS silence log-mel bins codes codebooks frames colours from "
            + "to as stored in features/ made from the clip: no features/ not in features/ is of other audio none: neither audio/ nor "
            + "features/ has the clip 80 dB from black to light decoded seconds kHz Hz k7"
        #expect(PixelFont.covers(labels))
        #expect(!PixelFont.covers("ص"))
        #expect("gjpqy".unicodeScalars.allSatisfy { PixelFont.glyph($0)[8] != 0 })
        #expect("0aH".unicodeScalars.allSatisfy { PixelFont.glyph($0)[7...] == [0, 0] })
    }

    @Test(arguments: [(0.04, 6), (1.0, 5), (4.146, 9), (29.99, 7), (3_600, 12)])
    func `seconds are labelled at round places within the clip`(seconds: Double, limit: Int) {
        let (step, ticks) = TimeAxis.ticks(seconds: seconds, limit: limit)
        #expect(ticks.first == 0 && ticks.count >= 2 && ticks.count <= limit + 1)
        #expect(ticks.allSatisfy { $0 <= seconds + 1e-6 })
        let digits = step / pow(10, floor(log10(step) + 1e-9))
        #expect([1.0, 2, 5, 10].contains { abs($0 - digits) < 1e-6 })
        #expect(Set(ticks.map { TimeAxis.label($0, step: step) }).count == ticks.count)
    }

    @Test(arguments: [80, 128])
    func `frequencies stand at the bins that hear them`(bins: Int) throws {
        let centres = MelFilterBank(sampleRate: 16_000, frameSamples: 400, binCount: bins, hertz: 0...8_000)
            .centresHertz
        let ticks = MelAxis.ticks(centresHertz: centres, gap: bins / 8)
        #expect(ticks.map(\.label).contains("1 kHz") && ticks.map(\.label).contains("4 kHz"))
        for tick in ticks where tick.label == "1 kHz" { #expect(abs(centres[tick.bin] - 1_000) < 50) }
        #expect(zip(ticks, ticks.dropFirst()).allSatisfy { $1.bin - $0.bin >= bins / 8 })
    }

    @Test func `a waveform keeps its extremes however few the columns`() {
        var samples = [Float](repeating: 0, count: 1_000)
        samples[617] = 0.9
        samples[618] = -0.7
        let wave = Waveform(samples: samples, sampleRate: 16_000)
        for columns in [1, 7, 100, 999, 1_000, 1_700] {
            let envelope = wave.envelope(columns: columns)
            #expect(envelope.count == columns)
            #expect(envelope.map(\.high).max() == 0.9 && envelope.map(\.low).min() == -0.7)
        }
        #expect(wave.peakText == "0.90 (-0.9 dBFS)")
        #expect(Waveform(samples: [0, 0], sampleRate: 16_000).peakText == "0.00 (silence)")
    }

    @Test func `a log-mel is drawn upside up, from 80 dB below the loudest`() throws {
        // Bin b of frame f; the highest bin is loud in frame 0.
        var values = [Float](repeating: -1, count: 4 * 3)
        values[3 * 3] = 1
        values[0] = 0
        let mel = MelImage(bins: 4, chunks: [(values[...], 3, 2)])
        #expect(mel.frames == 2)
        #expect(mel.grid(columns: 2, rows: 4) == [1, 0, 0, 0, 0, 0, 0.5, 0])
        #expect(mel.grid(columns: 1, rows: 2) == [0.25, 0.125])
        let tone = Waveform(
            samples: (0..<16_000).map { sin(2 * Float.pi * 1_000 * Float($0) / 16_000) }, sampleRate: 16_000)
        let rows = MelImage(of: tone).grid(columns: 1, rows: 128)
        let brightest = try #require(rows.indices.max { rows[$0] < rows[$1] })
        #expect(abs(MelImage(of: tone).centresHertz[127 - brightest] - 1_000) < 50)
    }

    @Test(arguments: [(40, 2.5), (80, 0.06), (80, 2.001), (133, 30.001)])
    func `drawings keep their width, plain ones are ASCII`(columns: Int, seconds: Double) throws {
        let view = try view(seconds: seconds, frames: Int(seconds * 25) + 1)
        let plain = ClipDrawing(view: view, style: TerminalStyle(columns: columns, isColored: false)).lines
        #expect(plain.dropFirst(2).allSatisfy { $0.displayWidth <= columns })
        #expect(plain.count == 2 + 6 + 14 + 8 + 2)
        #expect(plain.dropFirst(2).joined().unicodeScalars.allSatisfy { $0.isASCII || $0 == "…" })
        #expect(!plain.joined().contains("\u{1B}"))
        #expect(plain.last?.hasSuffix(" s") == true)
        let colored = ClipDrawing(view: view, style: TerminalStyle(columns: columns, isColored: true)).lines
        #expect(colored.count == plain.count)
        for line in colored where line.contains("\u{1B}") {
            #expect(line.hasSuffix("\u{1B}[0m") || line.hasSuffix("\u{1B}[39m\u{1B}[49m") || line.hasSuffix(" "))
            let bare = line.replacing(/\u{1B}\[[0-9;]*m/, with: "")
            #expect(bare.displayWidth == columns)
        }
    }

    @Test func `codes stand where they sound`() throws {
        let view = try view(seconds: 2, frames: 51)
        #expect(view.codeFrame(at: 0) == 0 && view.codeFrame(at: 0.0399) == 0 && view.codeFrame(at: 0.0401) == 1)
        #expect(view.codeFrame(at: 1.999) == 49 && view.codeFrame(at: 2.041) == nil)
        #expect(view.codeLevel(0) == 0 && view.codeLevel(63) == 1)
    }

    @Test func `the width and the colours are what the environment asks for`() {
        #expect(TerminalStyle(color: .always, environment: ["COLUMNS": "132", "NO_COLOR": "1"]).isColored)
        #expect(!TerminalStyle(color: .never, environment: [:]).isColored)
        #expect(TerminalStyle(color: .never, environment: ["COLUMNS": "132"]).columns == 132)
        #expect(TerminalStyle(color: .never, environment: ["COLUMNS": "7"]).columns == 40)
        #expect(TerminalStyle(color: .never, environment: ["COLUMNS": "99999999"]).columns == 400)
        #expect(!TerminalStyle(color: .auto, environment: ["NO_COLOR": "1"]).isColored)
    }

    @Test func `a picture has all panels, as wide as the clip is long`() throws {
        let view = try view(seconds: 6, frames: 150)
        let without = ClipPicture(view: view, decoded: nil).raster()
        let with = ClipPicture(view: view, decoded: view.audio?.waveform).raster()
        #expect(without.width == with.width && without.width > 6 * 200)
        #expect(with.height - without.height == 30 + 256 + 14)
        let short = try self.view(seconds: 0.05, frames: 2)
        let picture = ClipPicture(view: short, decoded: nil).raster()
        #expect(picture.width > 640)
        // Titles end before the picture does: above the axis of seconds the last columns are paper.
        var isPaper = true
        for y in 0..<picture.height - 56 {
            let end = (y + 1) * picture.width * 3
            for byte in picture.pixels[end - 60..<end] where byte != 0xFF { isPaper = false }
        }
        #expect(isPaper)
    }
}
