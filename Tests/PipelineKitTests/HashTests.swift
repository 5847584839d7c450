import Testing

@testable import PipelineKit

@Suite struct HashTests {
    // Known answers of xxHash 0.8.1 (python-xxhash 3).
    @Test(arguments: [("", "ef46db3751d8e999"), ("a", "d24ec4f1a98c6e5b"), ("abc", "44bc2cf5ad770999")])
    func `known answers`(text: String, expected: String) {
        #expect(XXH64.hash(text.utf8).hexDigits == expected)
        #expect(XXH64.hash(Array(text.utf8)).hexDigits == expected)
    }

    @Test(arguments: [0, 1, 7, 8, 9, 31, 32, 33, 1000])
    func `a stream hashes as the whole, however it is cut`(count: Int) {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37) }
        for cut in [1, 3, 32, 100] {
            let hash = XXH64()
            for start in stride(from: 0, to: count, by: cut) { hash.update(bytes[start..<min(count, start + cut)]) }
            #expect(hash.digest == XXH64.hash(bytes))
        }
    }

    @Test func `digests have sixteen digits`() {
        #expect(UInt64(0xAB).hexDigits == "00000000000000ab")
        #expect(UInt64.max.hexDigits == "ffffffffffffffff")
    }
}
