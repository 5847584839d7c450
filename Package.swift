// swift-tools-version: 6.2
// sawt: four stages (ingest, featurize, tokenize, train), one looking glass (inspect), and the library they share.

import Foundation
import PackageDescription

/// A C library of the system, found through pkg-config; `make -f pipeline.mk setup` installs it.
func system(_ name: String, pkgConfig: String, apt package: String) -> Target {
    .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([package])])
}

/// One program: its own domain code, the library, and the command line parser.
func program(_ name: String, _ more: [Target.Dependency] = []) -> Target {
    .executableTarget(
        name: name,
        dependencies: ["PipelineKit", .product(name: "ArgumentParser", package: "swift-argument-parser")] + more)
}

/// The tests of one target.
func tests(of name: String, _ more: [Target.Dependency] = []) -> Target {
    let shared: [Target.Dependency] = name == "PipelineKit" ? ["TestSupport"] : ["PipelineKit", "TestSupport"]
    return .testTarget(name: "\(name)Tests", dependencies: [.byName(name: name)] + shared + more)
}

/// Whether oneDNN 2, which not every system has, multiplies bfloat16; Debian has no pkg-config file for it. Version 3 has
/// other functions. `SAWT_ONEDNN=no` builds without it where it is.
let hasOneDNN: Bool = {
    if Context.environment["SAWT_ONEDNN"] == "no" { return false }
    let places = (Context.environment["CPATH"] ?? "").split(separator: ":").map(String.init)
    return (places + ["/usr/local/include", "/usr/include"]).contains { place in
        let header = try? String(contentsOfFile: place + "/oneapi/dnnl/dnnl_version.h", encoding: .utf8)
        return header?.contains("#define DNNL_VERSION_MAJOR 2") ?? false
    }
}()

let package = Package(
    name: "sawt",
    products: [
        .library(name: "PipelineKit", targets: ["PipelineKit"]),
        // Preloaded by tests.
        .library(name: "DiskFaults", type: .dynamic, targets: ["DiskFaults"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
    ],
    targets: [
        system("CSndfile", pkgConfig: "sndfile", apt: "libsndfile1-dev"),
        system("CFLAC", pkgConfig: "flac", apt: "libflac-dev"),
        system("COgg", pkgConfig: "ogg", apt: "libogg-dev"),
        system("CVorbis", pkgConfig: "vorbisfile", apt: "libvorbis-dev"),
        system("CSamplerate", pkgConfig: "samplerate", apt: "libsamplerate0-dev"),
        system("COpenBLAS", pkgConfig: "openblas", apt: "libopenblas-dev"),
        system("CZstd", pkgConfig: "libzstd", apt: "libzstd-dev"),
        system("CXXHash", pkgConfig: "libxxhash", apt: "libxxhash-dev"),
        system("CZlib", pkgConfig: "zlib", apt: "zlib1g-dev"),
        system("CPNG", pkgConfig: "libpng", apt: "libpng-dev"),
        .systemLibrary(name: "CMalloc"),  // glibc: malloc.h, sys/mman.h
        .systemLibrary(name: "CSpin"),  // a processor's hint
        .systemLibrary(name: "CDNNL", providers: [.apt(["libdnnl-dev"])]),
        .target(
            name: "PipelineKit",
            dependencies: [
                "CFLAC", "CMalloc", "COgg", "CSndfile", "CSamplerate", "COpenBLAS", "CVorbis", "CZstd", "CXXHash",
                "CZlib",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ]),
        program("ingest"),
        program("featurize"),
        .target(name: "Codecs", dependencies: ["PipelineKit"]),  // for tokenize, and for inspect, which plays codes
        program("tokenize", ["Codecs"]),
        program("train", ["CSpin", .product(name: "Yams", package: "Yams")] + (hasOneDNN ? ["CDNNL"] : [])),
        program("inspect", ["Codecs", "CPNG"]),
        program("bench", ["CZstd"]),
        program("mutate", ["CMalloc"]),
        program("torture"),
        .target(name: "DiskFaults", path: "Tests/DiskFaults"),
        .target(name: "TestSupport", dependencies: ["PipelineKit", "CPNG"], path: "Tests/TestSupport"),
        tests(of: "PipelineKit"),
        tests(of: "ingest"),
        tests(of: "featurize"),
        tests(of: "tokenize", ["Codecs"]),
        tests(of: "train"),
        tests(of: "inspect"),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "ingest", "featurize", "tokenize", "train", "inspect", "mutate", "torture", "PipelineKit",
                "TestSupport",
            ]),
    ],
    swiftLanguageModes: [.v6]
)

if hasOneDNN {
    for target in package.targets where target.name == "train" {
        target.swiftSettings = (target.swiftSettings ?? []) + [.define("SAWT_ONEDNN")]
    }
}

// CI treats warnings as errors; users with another compiler version should not have to.
if Context.environment["SAWT_WARNINGS"] == "errors" {
    for target in package.targets where target.type != .system {
        target.swiftSettings = (target.swiftSettings ?? []) + [.treatAllWarnings(as: .error)]
    }
}
