// Codec directories, through tokenize encode: the config and the tensors of both families.

import PipelineKit

extension Format {
    static let codecs: [Format] = [
        ("mel-rvq, config.json", "rvq", "config.json", FileKind.text),
        ("mel-rvq, model.safetensors", "rvq", "model.safetensors", .binary),
        ("Higgs tokenizer, config.json", "higgs", "config.json", .text),
        ("Higgs tokenizer, model.safetensors", "higgs", "model.safetensors", .binary),
    ].map { name, folder, file, kind in
        Format(name: name, folder: folder, file: file, kind: kind, weight: 1, programCount: 1, open: encoded)
    }

    private static let encoded: @Sendable (Place) throws -> UInt64 = { place in
        let codes = try place.fresh("codes")
        try place.programs.run(
            "tokenize",
            [
                "encode", "--input", place.material.folder("work/audio"), "--output", codes, "--codec", place.folder,
                "--workers", "1", "--quiet",
            ], scratch: place.scratch)
        var digest = MeaningDigest()
        try digest.add(rowsOf: codes)
        return digest.value
    }
}
