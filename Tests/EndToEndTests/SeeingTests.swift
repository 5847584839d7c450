import Foundation
import PipelineKit
import TestSupport
import Testing

/// The pictures, sounds and pages of inspect, through the real program.
@Suite struct SeeingTests {
    private func bytes(_ path: String) throws -> [UInt8] {
        try MappedFile(path: path).withBytes { Array($0) }
    }

    private func row(_ directory: String, _ number: Int) throws -> MDSRow {
        try MDSReader(directory: directory).row(number)
    }

    @Test func `a sample is drawn in ASCII for files and in colours where asked`() throws {
        let work = try ExampleWork.path()
        let plain = try inspect.run([work, "--sample", "1"]).expecting(0).output
        #expect(plain.contains("clip 0 (in): ") && plain.contains("clip 1 (out): "))
        #expect(plain.contains("log-mel of 128 bins, as stored in features/"))
        #expect(plain.contains("log-mel of 128 bins, made from the clip: not in features/"))
        #expect(plain.contains("   4 kHz |") && plain.contains("      k7 |"))
        #expect(!plain.contains("\u{1B}"))
        let colored = try inspect.run([work, "--sample", "1", "--color", "always"]).expecting(0).output
        #expect(colored.contains("\u{1B}[38;2;") && colored.contains("▀") && colored.contains("▌"))
        #expect(try inspect.run([work, "--sample", "1", "--color", "never"]).expecting(0).output == plain)
        #expect(try !inspect.run([work, "--sample", "1", "--json", "--color", "always"]).output.contains("\u{1B}"))
    }

    @Test func `what is not there is made or said`() throws {
        try withTemporaryDirectory { directory in
            let work = try ExampleWork.copy(into: directory)
            try FileManager.default.removeItem(atPath: "\(work)/features")
            let bare = try inspect.run([work, "--sample", "0"]).expecting(0).output
            #expect(bare.contains("made from the clip: no features/"))
            try FileManager.default.removeItem(atPath: "\(work)/audio")
            let mute = try inspect.run([work, "--sample", "0"]).expecting(0).output
            #expect(mute.contains("log-mel: none: neither audio/ nor features/ has the clip"))
            #expect(mute.contains("k0 |"))
            let plots = try inspect.run([work, "--sample", "0", "--plot", "\(directory)/p"]).expecting(0).output
            #expect(plots.contains("no audio/") && plots.contains("sample-0-clip-0-in.decoded.wav"))
            try FileManager.default.removeItem(atPath: "\(work)/codec")
            let undecoded = try inspect.run([work, "--sample", "0", "--plot", "\(directory)/q"]).expecting(0).output
            #expect(undecoded.contains("codes were not decoded: the codec mel_rvq is not in WORK/codec"))
        }
    }

    @Test func `features of other audio are not drawn, and refused where nothing says that they are`() throws {
        try withTemporaryDirectory { directory in
            let work = try ExampleWork.copy(into: directory)
            try FileManager.default.removeItem(atPath: "\(work)/features")
            // The same samples, but each clip of another length.
            let reader = try MDSReader(directory: "\(work)/audio")
            let samples = try (0..<reader.sampleCount).map { number in
                let tone = [Float](repeating: 0.1, count: 16_000)
                let clip = try AudioEncoder.wav(tone, channels: 1, sampleRate: 16_000, source: "")
                return AudioSample(try reader.row(number).string("id"), [(0, clip), (1, clip)])
            }
            try writeAudioDirectory("\(directory)/other", samples)
            let other = try MDSReader(directory: "\(directory)/other")
            try featurize.run(["--input", "\(directory)/other", "--output", "\(work)/features"]).expecting(0)
            let stale = try inspect.run([work, "--sample", "0"]).expecting(0).output
            #expect(stale.contains("made from the clip: features/ is of other audio"))
            let html = "\(directory)/p.html"
            try inspect.run([work, "--html", html]).expecting(0)
            let page = String(decoding: try bytes(html), as: UTF8.self)
            #expect(page.contains("✗ features was made from other audio; run featurize again"))

            // A record that was told to be of this audio.
            let record = "\(work)/features/stage.json"
            let text = String(decoding: try bytes(record), as: UTF8.self)
            try AtomicFile.write(text.replacing(other.indexDigest, with: reader.indexDigest).utf8, to: record)
            let refused = try inspect.run([work, "--sample", "0"]).expecting(3)
            #expect(refused.errors.contains("features/ does not hold the log-mel of this clip"))
            #expect(refused.errors.contains("run featurize again"))
        }
    }

    @Test func `directories that hold other samples are refused by name`() throws {
        try withTemporaryDirectory { directory in
            let work = try ExampleWork.copy(into: directory)
            try FileManager.default.removeItem(atPath: "\(work)/codes")
            try writeAudioDirectory("\(work)/codes", [AudioSample("someone else", [])])
            for arguments in [[work, "--sample", "0"], [work, "--sample", "3"]] {
                let refused = try inspect.run(arguments).expecting(3)
                #expect(refused.errors.contains("run the stage of codes again"))
            }
        }
    }

    @Test func `plots are pictures, and sounds that equal the clips sample by sample`() throws {
        try withTemporaryDirectory { directory in
            let work = try ExampleWork.path(), plots = "\(directory)/plots"
            try inspect.run([work, "--sample", "2", "--plot", plots]).expecting(0)
            let clips = try StoredClip.clips(of: row("\(work)/audio", 2))
            let names = try FileManager.default.contentsOfDirectory(atPath: plots)
            #expect(names.count == 3 * clips.count + 1)
            for clip in clips {
                let stem = "\(plots)/sample-2-clip-\(clip.number)-\(clip.role == .input ? "in" : "out")"
                let png = try bytes("\(stem).png")
                #expect(DecodedPNG.hasSignature(png))
                let picture = try #require(DecodedPNG(png))
                let stored = try AudioDecoder(bytes: clip.bytes, source: "stored")
                let expected = try stored.decodeExact(AudioSegment(offsetSeconds: 0, source: "stored"))
                let seconds = Double(expected.count) / Double(stored.info.sampleRate)
                #expect(picture.width >= 120 + max(640, Int((seconds * 200).rounded())) + 28)
                #expect(picture.height > 900)
                #expect(Set(picture.pixels).count > 64, "a picture of one colour shows nothing")
                let wav = try AudioDecoder(bytes: try bytes("\(stem).wav"), source: "written")
                #expect(wav.info.container == "wav" && wav.info.sampleRate == stored.info.sampleRate)
                #expect(wav.info.encoding == stored.info.encoding)
                #expect(try wav.decodeExact(AudioSegment(offsetSeconds: 0, source: "written")) == expected)
                try tokenize.run([
                    "decode", "\(work)/codes", "--id", try row("\(work)/audio", 2).string("id"), "--clip",
                    "\(clip.number)",
                    "--codec", "\(work)/codec", "--output", "\(directory)/decoded.wav",
                ]).expecting(0)
                #expect(try bytes("\(stem).decoded.wav") == bytes("\(directory)/decoded.wav"))
            }
            let before = try contents(of: plots)
            try inspect.run([work, "--sample", "2", "--plot", plots]).expecting(0)
            #expect(differences(before, try contents(of: plots)).isEmpty)
        }
    }

    @Test func `codes of the Higgs tokenizer are heard as tokenize decode plays them`() throws {
        try withTemporaryDirectory { directory in
            let work = try ExampleWork.copy(into: directory), codec = fixture("codec/checkpoint")
            try tokenize.run([
                "encode", "--input", "\(work)/audio", "--output", "\(work)/codes", "--codec", codec, "--replace",
            ]).expecting(0)
            let silent = try inspect.run([work, "--sample", "0", "--plot", "\(directory)/a"]).expecting(0).output
            #expect(silent.contains("codes were not decoded: WORK/codec is not the codec that made codes/"))
            try inspect.run([work, "--sample", "0", "--plot", "\(directory)/b", "--codec", codec]).expecting(0)
            try tokenize.run([
                "decode", "\(work)/codes", "--id", try row("\(work)/audio", 0).string("id"), "--codec", codec,
                "--output",
                "\(directory)/decoded.wav",
            ]).expecting(0)
            #expect(try bytes("\(directory)/b/sample-0-clip-0-in.decoded.wav") == bytes("\(directory)/decoded.wav"))
            let html = "\(directory)/p.html"
            try inspect.run([work, "--html", html, "--codec", codec]).expecting(0)
            let page = String(decoding: try bytes(html), as: UTF8.self)
            #expect(page.contains("the same from its codes") && page.contains("higgs_audio_v2_tokenizer"))
        }
    }

    @Test func `wrong uses of --plot, --html and --codec are refused`() throws {
        try withTemporaryDirectory { directory in
            let work = try ExampleWork.path()
            for arguments in [
                [work, "--plot", "\(directory)/p"], [work, "--codec", "\(work)/codec"],
                [work, "--html", "\(directory)/a.html", "--sample", "1"],
                ["\(work)/codes", "--html", "\(directory)/a.html"],
                ["\(work)/codes", "--sample", "1", "--plot", "\(directory)/p"],
                [work, "--sample", "1", "--plot", "\(directory)/p", "--codec", fixture("codec/checkpoint")],
                [work, "--sample", "1", "--color", "blue"],
            ] {
                let refused = try inspect.run(arguments)
                #expect(refused.status == 2, "\(arguments): \(refused.errors)")
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory).isEmpty)
            let unwritable = try inspect.run([work, "--html", "\(directory)/none/a.html"])
            #expect(unwritable.status == 1 && unwritable.errors.contains("none/a.html"))
        }
    }

    @Test func `the page is well-formed, loads nothing and is the same each time`() throws {
        try withTemporaryDirectory { directory in
            let work = try ExampleWork.path()
            try inspect.run([work, "--html", "\(directory)/a.html"]).expecting(0)
            try inspect.run([work, "--html", "\(directory)/b.html"]).expecting(0)
            let page = try bytes("\(directory)/a.html")
            #expect(try page == bytes("\(directory)/b.html"))
            #expect(page.count < 9 << 20)
            let html = String(decoding: page, as: UTF8.self)
            #expect(markupFault(html) == nil)
            #expect(fetches(of: html).isEmpty)
            #expect(html.contains("<audio controls=\"controls\" preload=\"metadata\" src=\"data:audio/flac;base64,"))
            #expect(html.contains("dir=\"auto\">رقم الغرفة 214 في الطابق الثالث.</p>"))
            for title in [
                "Answers (seconds)", "Text ids a second", "Arabic letters", "codes used", "the same from its codes",
                "index digest",
            ] {
                #expect(html.contains(title), "\(title)")
            }
            // The sounds are sounds: the first one decodes to the length of a reference.
            let start = try #require(html.range(of: "data:audio/flac;base64,"))
            let data = try #require(Data(base64Encoded: String(html[start.upperBound...].prefix { $0 != "\"" })))
            let sound = try AudioDecoder(bytes: Array(data), source: "the page")
            #expect(sound.info.sampleRate == 16_000 && sound.info.channels == 1)
            #expect(try sound.decodeMono().count > 16_000)
        }
    }

    /// Values of attributes, and parts of style sheets, by which a browser would fetch something.
    private func fetches(of html: String) -> [String] {
        let attributes = html.matches(of: /\s(?:src|href|srcset|data|poster|action|xlink:href)="([^"]*)"/).map {
            String($0.output.1)
        }
        return attributes.filter { !$0.hasPrefix("data:") && !$0.hasPrefix("#") }
            + html.matches(of: /url\(|@import|<link|<script|<iframe|<object/).map {
                String($0.output)
            }
    }

    @Test func `hostile ids, speakers, texts and paths are words on the page and names of nothing`() throws {
        try withTemporaryDirectory { directory in
            let clip = "\(repository)/examples/arabic-mini/audio/omar-03.flac"
            try FileManager.default.copyItem(atPath: clip, toPath: "\(directory)/a.flac")
            let attack =
                "</p></body><script src=\"https://evil.example/a.js\">alert('1')</script><img src=x onerror=alert(1)>"
            let id = "../../<script>alert(\"id\")</script>"
            func line(_ id: String, _ speaker: String, _ text: String, _ path: String) throws -> String {
                let messages: JSONValue = [
                    ["role": "user", "content": [["type": "audio", "audio_url": .string(path)], .string(text)]],
                    ["role": "assistant", "content": [.string(text), ["type": "audio", "audio_url": "a.flac"]]],
                ]
                let row: JSONValue = ["id": .string(id), "speaker": .string(speaker), "messages": messages]
                return row.pythonDump()
            }
            let lines = [
                try line(id, "\"><svg onload=alert(2)>", attack, "a.flac"),
                try line("b\u{1B}[2J\u{202E}", "", "كتاب & <b>قلم</b>", "a.flac"),
                try line("<i>rejected</i>", "", "x", "<script>alert(3)</script>.flac"),
            ]
            try Data(lines.joined(separator: "\n").utf8).write(to: URL(fileURLWithPath: "\(directory)/m.jsonl"))
            let work = "\(directory)/<b>work&"
            try ingest.run([
                "--data-path", "\(directory)/m.jsonl", "--output", work, "--max-reject-fraction", "1",
            ]).expecting(0)
            try inspect.run([work, "--html", "\(directory)/p.html"]).expecting(0)
            let html = String(decoding: try bytes("\(directory)/p.html"), as: UTF8.self)
            #expect(markupFault(html) == nil)
            #expect(fetches(of: html).isEmpty)
            for raw in ["<script", "<svg onload", "<img src=x", "<b>", "<i>", "\u{1B}", "\u{202E}"] {
                #expect(!html.contains(raw), "\(raw)")
            }
            #expect(html.contains("&lt;script&gt;alert(&quot;id&quot;)&lt;/script&gt;"))
            #expect(html.contains("&lt;i&gt;rejected&lt;/i&gt;") && html.contains("missing_audio"))
            #expect(html.contains("b\\u{1B}[2J\\u{202E}"))
            #expect(html.contains("كتاب &amp; &lt;b&gt;قلم&lt;/b&gt;"))
            #expect(html.contains("What the texts are made of"))
            #expect(html.contains("Codes cannot be heard: there is no codes/."))

            let plots = "\(directory)/plots"
            try inspect.run([work, "--id", id, "--plot", plots]).expecting(0)
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: plots).sorted() == [
                    "sample-0-clip-0-in.png", "sample-0-clip-0-in.wav", "sample-0-clip-1-out.png",
                    "sample-0-clip-1-out.wav", "sample-0.json",
                ])
            let record = try JSONValue(contentsOfFile: "\(plots)/sample-0.json")
            #expect(record["id"] == .string(id))
        }
    }
}
