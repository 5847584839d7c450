// A clip as a picture: waveform, log-mel, codes and, where a codec is at hand, the log-mel of what the codes sound like, all
// above the same seconds.

import PipelineKit

/// Lays out the panels of one clip.
struct ClipPicture {
    let view: ClipView
    /// The sound of the codes; nil where they were not decoded.
    let decoded: Waveform?

    private static let pixelsPerSecond = 200.0
    private static let plotWidths = 640...2_400
    private static let margin = (left: 120, right: 28, top: 44, bottom: 56)
    private static let titleHeight = 30, gap = 14
    private static let waveHeight = 160, melRow = 2, codeHeight = 14
    private static let ink = Color(0x1F2430), faint = Color(0xC9CED6), paper = Color(0xFFFFFF), wave = Color(0x2A6FBB)

    /// One strip of the picture.
    private struct Panel {
        var title: String
        var height: Int
        var draw: (inout Raster, Range<Int>, Range<Int>) -> Void
    }

    func raster() -> Raster {
        let panels = panels
        // As wide as the seconds ask for, and as the longest title.
        let title = panels.reduce(0) { max($0, PixelFont.width(of: $1.title) * 2) }
        let plotWidth = max(
            Self.plotWidths.lowerBound, title,
            min(Self.plotWidths.upperBound, Int((view.seconds * Self.pixelsPerSecond).rounded())))
        let height =
            Self.margin.top + Self.margin.bottom + (panels.count - 1) * Self.gap
            + panels.reduce(0) { $0 + Self.titleHeight + $1.height }
        var raster = Raster(
            width: Self.margin.left + plotWidth + Self.margin.right, height: height, color: Self.paper)
        let x = Self.margin.left..<Self.margin.left + plotWidth
        raster.draw(heading, x: x.lowerBound, y: Self.margin.top / 2, anchor: .left, scale: 2, Self.ink)
        var top = Self.margin.top
        for panel in panels {
            raster.draw(panel.title, x: x.lowerBound, y: top + Self.titleHeight / 2, anchor: .left, scale: 2, Self.ink)
            top += Self.titleHeight
            let y = top..<top + panel.height
            panel.draw(&raster, x, y)
            raster.outline(x, y, Self.faint)
            top += panel.height + Self.gap
        }
        drawSeconds(&raster, x, top: top - Self.gap)
        return raster
    }

    private var heading: String {
        var parts = ["\(view.name): \(numberText(view.seconds)) s"]
        if let audio = view.audio { parts.append("\(audio.waveform.sampleRate) Hz") }
        return parts.joined(separator: ", ")
    }

    private var panels: [Panel] {
        var panels: [Panel] = []
        if let audio = view.audio {
            panels.append(
                Panel(title: "waveform, peak \(audio.waveform.peakText)", height: Self.waveHeight) {
                    Self.drawWave(audio.waveform, &$0, $1, $2)
                })
        }
        if let mel = view.mel { panels.append(melPanel(mel, "log-mel, \(mel.bins) bins, \(view.melOrigin)")) }
        if let codes = view.codes {
            let largest = view.codebookSize.map { $0 - 1 } ?? Int(codes.values.max() ?? 0)
            panels.append(
                Panel(
                    title: "codes, \(codes.codebooks) codebooks, \(codes.frames) frames, colours from 0 to \(largest)",
                    height: codes.codebooks * Self.codeHeight
                ) { drawCodes(codes, &$0, $1, $2) })
        }
        if let decoded { panels.append(melPanel(MelImage(of: decoded), "log-mel of the decoded codes")) }
        return panels
    }

    private func melPanel(_ mel: MelImage, _ title: String) -> Panel {
        Panel(title: title + ", 80 dB from black to light", height: mel.bins * Self.melRow) { raster, x, y in
            let grid = mel.grid(columns: x.count, rows: y.count)
            for (row, pixelY) in y.enumerated() {
                for (column, pixelX) in x.enumerated() {
                    raster.set(pixelX, pixelY, Colormap.magma.color(grid[row * x.count + column]))
                }
            }
            for tick in MelAxis.ticks(centresHertz: mel.centresHertz, gap: mel.bins / 10) {
                Self.drawTick(&raster, x, y: y.upperBound - 1 - tick.bin * Self.melRow - Self.melRow / 2, tick.label)
            }
        }
    }

    private static func drawWave(_ waveform: Waveform, _ raster: inout Raster, _ x: Range<Int>, _ y: Range<Int>) {
        let peak = max(waveform.peak, 1e-9)
        let middle = (y.lowerBound + y.upperBound) / 2, half = Float(y.count) / 2 - 4
        raster.fill(x, middle..<middle + 1, faint)
        for (column, extent) in zip(x, waveform.envelope(columns: x.count)) {
            let top = middle - Int((extent.high / peak * half).rounded())
            let bottom = middle - Int((extent.low / peak * half).rounded())
            raster.fill(column..<column + 1, top..<bottom + 1, wave)
        }
        drawTick(&raster, x, y: middle - Int(half), "+\(numberText(Double(peak), 2))")
        drawTick(&raster, x, y: middle, "0")
        drawTick(&raster, x, y: middle + Int(half), "-\(numberText(Double(peak), 2))")
    }

    private func drawCodes(_ codes: RawCodes, _ raster: inout Raster, _ x: Range<Int>, _ y: Range<Int>) {
        for codebook in 0..<codes.codebooks {
            let top = y.lowerBound + codebook * Self.codeHeight
            for (column, pixelX) in x.enumerated() {
                let time = (Double(column) + 0.5) / Double(x.count) * view.seconds
                guard let frame = view.codeFrame(at: time) else { continue }
                let color = Colormap.viridis.color(view.codeLevel(codes[codebook, frame]))
                raster.fill(pixelX..<pixelX + 1, top..<top + Self.codeHeight - 1, color)
            }
        }
        // Labels are as high as a row: every one where there is room, else every second.
        for codebook in stride(from: 0, to: codes.codebooks, by: 2) {
            Self.drawTick(
                &raster, x, y: y.lowerBound + codebook * Self.codeHeight + Self.codeHeight / 2, "k\(codebook)")
        }
    }

    private static func drawTick(_ raster: inout Raster, _ x: Range<Int>, y: Int, _ label: String) {
        raster.fill(x.lowerBound - 7..<x.lowerBound - 1, y..<y + 1, ink)
        raster.draw(label, x: x.lowerBound - 12, y: y, anchor: .right, scale: 2, ink)
    }

    private func drawSeconds(_ raster: inout Raster, _ x: Range<Int>, top: Int) {
        let (step, ticks) = TimeAxis.ticks(seconds: view.seconds, limit: max(2, x.count / 90))
        for tick in ticks {
            let column = x.lowerBound + Int((tick / max(view.seconds, 1e-9) * Double(x.count)).rounded())
            guard column <= x.upperBound else { continue }
            raster.fill(column..<column + 1, top..<top + 7, Self.ink)
            raster.draw(
                TimeAxis.label(tick, step: step), x: column, y: top + 18, anchor: .center, scale: 2, Self.ink)
        }
        raster.draw("seconds", x: (x.lowerBound + x.upperBound) / 2, y: top + 40, anchor: .center, scale: 2, Self.ink)
    }
}

extension Raster {
    /// A line of one pixel around a rectangle.
    fileprivate mutating func outline(_ x: Range<Int>, _ y: Range<Int>, _ color: Color) {
        fill(x.lowerBound - 1..<x.upperBound + 1, y.lowerBound - 1..<y.lowerBound, color)
        fill(x.lowerBound - 1..<x.upperBound + 1, y.upperBound..<y.upperBound + 1, color)
        fill(x.lowerBound - 1..<x.lowerBound, y, color)
        fill(x.upperBound..<x.upperBound + 1, y, color)
    }
}
