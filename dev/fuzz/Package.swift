// swift-tools-version: 6.2
// The parsers of sawt with libFuzzer around them. Not built from here: run.sh lays copies of the sources beside this file.

import PackageDescription

func system(_ name: String, _ pkgConfig: String?) -> Target { .systemLibrary(name: name, pkgConfig: pkgConfig) }

let package = Package(
    name: "sawt-fuzz",
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
    ],
    targets: [
        system("CFLAC", "flac"), system("COgg", "ogg"), system("CVorbis", "vorbisfile"),
        system("CSndfile", "sndfile"), system("CSamplerate", "samplerate"), system("COpenBLAS", "openblas"),
        system("CZstd", "libzstd"), system("CXXHash", "libxxhash"), system("CZlib", "zlib"), system("CMalloc", nil),
        system("CSpin", nil),
        .target(
            name: "PipelineKit",
            dependencies: [
                "CFLAC", "CMalloc", "COgg", "CSndfile", "CSamplerate", "COpenBLAS", "CVorbis", "CZstd", "CXXHash",
                "CZlib",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ]),
        .executableTarget(
            name: "fuzz", dependencies: ["PipelineKit", "CSpin", .product(name: "Yams", package: "Yams")],
            swiftSettings: [.unsafeFlags(["-parse-as-library"])]),
    ],
    swiftLanguageModes: [.v6]
)
