// A product of bfloat16 matrices with sums in float32, as one call of oneDNN; see BFloat16Product+OneDNN.swift. Where oneDNN is
// not installed, or with SAWT_ONEDNN=no, train is built without it, and what stands below takes its place.

/// C = A · B, or C += A · B: (m, k) and (k, n) in bfloat16, (m, n) in float32. A's rows follow each other.
struct BFloat16Product: Hashable, Sendable {
    var m: Int
    var n: Int
    var k: Int
    /// From row to row of B as it is stored.
    var weightStride: Int
    /// From row to row of C.
    var resultStride: Int
    /// B is stored as (n, k): the layout of a linear layer's weight.
    var isTransposed = false
    var isAccumulating = false
}

/// Why nothing can be multiplied in bfloat16 here.
struct NarrowObstacle: Sendable, Equatable {
    var problem: String
    var remedy: String
}

#if !SAWT_ONEDNN
    extension BFloat16Product {
        static let obstacle: NarrowObstacle? = NarrowObstacle(
            problem: "train was built without oneDNN 2",
            remedy: "install it (make -f pipeline.mk setup; Debian's libdnnl-dev), touch Package.swift and build again")
        static let library = "none"

        func multiply(_ a: UnsafePointer<UInt16>, _ b: UnsafeRawPointer, into c: UnsafeMutablePointer<Float>) {
            preconditionFailure("a product in bfloat16 in a build without oneDNN")
        }
    }
#endif
