// One sample on the page: why it is shown, who says what, and each clip with its player, waveform, log-mel and codes.

import PipelineKit

struct SampleCard {
    let work: Work
    let choice: ChosenSample
    let player: CodePlayer

    private static let longestText = 2_000
    private static let messages = 20
    private static let waveColumns = 500
    private static let melColumns = 800

    func markup(_ budget: inout MediaBudget) throws -> Markup {
        let (id, rows) = try work.rows(ofSample: choice.sample)
        let sample = rows["samples"], speaker = try sample?.string("speaker") ?? ""
        let conversation = Conversation(try sample?.json("conversation") ?? .null)
        let clips = try work.clipViews(ofSample: choice.sample)
        var figures: [Markup] = []
        for clip in clips.prefix(MediaBudget.clipsASample) { figures.append(try figure(clip, &budget)) }
        var shown = 0
        var turns: [Markup] = []
        for message in conversation.messages.prefix(Self.messages) {
            let items = message.items.map { item -> Markup in
                switch item {
                case .text(let text):
                    return .element("p", ["class": "said", "dir": "auto"], shortened(text, limit: Self.longestText))
                case .clip(let number):
                    shown = max(shown, number + 1)
                    return number < figures.count
                        ? figures[number] : .element("p", ["class": "note"], "clip \(number): not shown")
                }
            }
            turns.append(
                .element(
                    "div", ["class": "turn \(Self.class(of: message.role))"],
                    [.element("p", ["class": "role", "dir": "auto"], shortened(message.role))] + items))
        }
        if conversation.messages.count > Self.messages {
            turns.append(
                .element("p", ["class": "note"], "… and \(conversation.messages.count - Self.messages) more messages"))
        }
        // Clips that no message names: without samples/, or where the conversation cannot be read.
        turns += figures.dropFirst(shown)
        let tags =
            choice.reasons.map { Markup.element("span", $0) }
            + (speaker.isEmpty ? [] : [.element("span", [.text("speaker "), .isolated(shortened(speaker))])])
        let summary = Markup.element(
            "summary",
            [
                .element("strong", [.isolated(id)]),
                .element("span", ["class": "detail"], " sample \(countText(choice.sample)) "),
                .element("span", ["class": "tags"], tags),
            ])
        return choice.isExtreme
            ? .element("details", ["class": "sample", "open": "open"], [summary] + turns)
            : .element("details", ["class": "sample"], [summary] + turns)
    }

    /// A class of the style sheet; a role is data, and is not one.
    private static func `class`(of role: String) -> String {
        role.utf8.elementsEqual("assistant".utf8)
            ? "assistant" : role.utf8.elementsEqual("user".utf8) ? "user" : "system"
    }

    // MARK: A clip

    private func figure(_ clip: ClipView, _ budget: inout MediaBudget) throws -> Markup {
        var content: [Markup] = []
        var facts = ["\(numberText(clip.seconds, 2)) s"]
        if let audio = clip.audio {
            facts.append("\(countText(audio.waveform.sampleRate)) Hz")
            if audio.channels > 1 { facts.append("\(audio.channels) channels") }
            facts.append("peak \(audio.waveform.peakText)")
        }
        content.append(
            .element(
                "figcaption",
                [
                    .element("strong", clip.role == "in" ? "reference" : "answer"),
                    .element("span", "clip \(clip.number), " + facts.joined(separator: ", ")),
                ]))
        if let audio = clip.audio { content.append(try sound(audio.waveform, &budget)) }
        var strips: [Markup] = []
        if let audio = clip.audio { strips.append(strip("", [wave(audio.waveform)], "wave", [])) }
        if let mel = clip.mel { strips.append(try melStrip(mel, clip.name, &budget)) }
        if let codes = clip.codes { strips.append(try codeStrip(codes, clip, &budget)) }
        content.append(.element("div", ["class": "plot"], strips + [seconds(of: clip)]))
        content.append(
            .element("p", ["class": "note"], "log-mel \(clip.melOrigin)" + (clip.noCodes.map { "; \($0)" } ?? "")))
        if clip.role != "in", let codes = clip.codes, let decoded = try player.play(codes) {
            content.append(.element("p", ["class": "decoded"], "the same from its codes"))
            content.append(try sound(decoded, &budget))
            content.append(
                .element(
                    "div", ["class": "plot"], [try melStrip(MelImage(of: decoded), "decoded \(clip.name)", &budget)]))
        }
        return .element("figure", ["class": "clip"], content)
    }

    /// A player of at most `MediaBudget.longestSeconds`, as 16 kHz FLAC.
    private func sound(_ waveform: Waveform, _ budget: inout MediaBudget) throws -> Markup {
        let rate = 16_000
        let all = FourierResampler().resample(waveform.samples, from: waveform.sampleRate, to: rate)
        let kept = all.prefix(Int(MediaBudget.longestSeconds) * rate)
        let integers = kept.map { Int32(max(-32_768, min(32_767, ($0 * 32_768).rounded()))) << 16 }
        let flac = try AudioEncoder.flac(integers, bits: 16, channels: 1, sampleRate: rate, source: "the page")
        guard let address = budget.address(flac, type: "audio/flac") else {
            return .element("p", ["class": "note"], "no sound here: the page is full")
        }
        let player = Markup.element("audio", ["controls": "controls", "preload": "metadata", "src": address], [])
        return kept.count == all.count
            ? player
            : .all([
                player,
                .element(
                    "p", ["class": "note"],
                    "the first \(Int(MediaBudget.longestSeconds)) s of \(durationText(waveform.seconds))"),
            ])
    }

    // MARK: Strips above one axis

    private func strip(_ title: String, _ content: [Markup], _ kind: String, _ labels: [(share: Double, text: String)])
        -> Markup
    {
        let ticks = labels.map { share, text -> Markup in
            .element("span", ["style": "top:\(numberText(share * 100, 1))%"], text)
        }
        return .all([
            .element("div", ["class": "labels"], ticks), .element("div", ["class": "strip \(kind)"], content),
        ])
    }

    private func wave(_ waveform: Waveform) -> Markup {
        let columns = min(Self.waveColumns, max(2, waveform.samples.count))
        let peak = max(waveform.peak, 1e-9)
        let envelope = waveform.envelope(columns: columns)
        func point(_ column: Int, _ value: Float) -> String { "\(column) \(Int((50 - 48 * value / peak).rounded()))" }
        let upper = envelope.enumerated().map { point($0, $1.high) }
        let lower = envelope.enumerated().reversed().map { point($0, $1.low) }
        return .element(
            "svg",
            [
                "viewBox": "0 0 \(columns - 1) 100", "preserveAspectRatio": "none", "role": "img",
                "aria-label": "waveform",
            ],
            [.void("path", ["d": "M" + (upper + lower).joined(separator: "L") + "Z"])])
    }

    private func melStrip(_ mel: MelImage, _ name: String, _ budget: inout MediaBudget) throws -> Markup {
        let columns = max(1, min(Self.melColumns, mel.frames))
        let pixels = mel.grid(columns: columns, rows: mel.bins).map { UInt8(($0 * 255).rounded()) }
        let picture = try PNG.encode(width: columns, height: mel.bins, pixels: pixels, palette: Colormap.magma.palette)
        let labels = MelAxis.ticks(centresHertz: mel.centresHertz, gap: mel.bins / 8).map {
            (share: 1 - (Double($0.bin) + 0.5) / Double(mel.bins), text: $0.label)
        }
        guard let address = budget.address(picture, type: "image/png") else {
            return strip("", [.element("p", ["class": "note"], "no picture: the page is full")], "mel", [])
        }
        return strip("", [.void("img", ["src": address, "alt": "log-mel of \(name)"])], "mel", labels)
    }

    private func codeStrip(_ codes: RawCodes, _ clip: ClipView, _ budget: inout MediaBudget) throws -> Markup {
        let pixels = codes.values.map { UInt8((clip.codeLevel($0) * 255).rounded()) }
        let picture = try PNG.encode(
            width: codes.frames, height: codes.codebooks, pixels: pixels, palette: Colormap.viridis.palette)
        let labels =
            [(share: 0.5 / Double(codes.codebooks), text: "k0")]
            + (codes.codebooks > 1 ? [(1 - 0.5 / Double(codes.codebooks), "k\(codes.codebooks - 1)")] : [])
        guard let address = budget.address(picture, type: "image/png") else {
            return strip("", [.element("p", ["class": "note"], "no picture: the page is full")], "codes", [])
        }
        // The last frame may reach past the clip's end; the strip cuts it there.
        let reach = clip.frameRate.map { Double(codes.frames) / $0 / max(clip.seconds, 1e-9) } ?? 1
        return strip(
            "",
            [
                .void(
                    "img",
                    [
                        "src": address, "alt": "codes of \(clip.name)", "style": "width:\(numberText(reach * 100, 2))%",
                    ])
            ], "codes", labels)
    }

    private func seconds(of clip: ClipView) -> Markup {
        let (step, ticks) = TimeAxis.ticks(seconds: clip.seconds, limit: 6)
        let labels = ticks.enumerated().map { place, tick in
            Chart.tick(
                tick / max(clip.seconds, 1e-9),
                TimeAxis.label(tick, step: step) + (place == ticks.count - 1 ? " s" : ""))
        }
        return .all([.element("div", []), .element("div", ["class": "ticks"], labels)])
    }
}
