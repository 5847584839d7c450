import PipelineKit
import Synchronization
import Testing

@Suite struct OrderedMapTests {
    struct Planted: Error, Equatable { var number: Int }

    @Test(arguments: [1, 2, 7]) func `outputs keep the order of inputs`(workers: Int) throws {
        var source = 0
        var got: [Int] = []
        try orderedMap(
            workers: workers,
            next: {
                source < 500
                    ? {
                        source += 1; return source
                    }() : nil
            },
            transform: { number in
                var x = number
                for _ in 0..<(number % 7) * 1000 { x = x &* 31 &+ 7 }
                return x == Int.min ? 0 : number * 2
            }, drain: { got.append($0) })
        #expect(got == (1...500).map { $0 * 2 })
    }

    @Test(arguments: [1, 4]) func `the first error in input order is thrown and what came before is drained`(
        workers: Int
    ) {
        var source = 0
        var got: [Int] = []
        #expect(throws: Planted(number: 50)) {
            try orderedMap(
                workers: workers,
                next: {
                    source += 1; return source
                },
                transform: { if $0 == 50 || $0 == 51 { throw Planted(number: $0) } else { $0 } },
                drain: { got.append($0) })
        }
        #expect(got == Array(1..<50))
    }

    @Test func `no more than the window is in flight`() throws {
        var fed = 0, drained = 0
        try orderedMap(
            workers: 2, window: 3,
            next: { () -> Int? in
                #expect(fed - drained < 3)
                fed += 1
                return fed <= 100 ? fed : nil
            }, transform: { $0 }, drain: { _ in drained += 1 })
        #expect(drained == 100)
    }
}
