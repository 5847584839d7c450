// The one door to oneDNN: products of bfloat16 matrices with sums in float32. Everything that is unsafe about its C interface
// is here. OpenBLAS makes the products of floats.
//
// oneDNN 2 (Debian 12 has 2.6). Threads of ours call it, one block of a result each, and it must not start its own: its
// OpenMP is told so on each of them.

#if SAWT_ONEDNN
    import CDNNL
    import Foundation
    import Synchronization

    extension BFloat16Product {
        /// nil where products can be made, natively: oneDNN's emulation on older processors is slower than float32.
        static let obstacle: NarrowObstacle? = {
            guard let version = dnnl_version()?.pointee, version.major == 2 else {
                return NarrowObstacle(
                    problem: "the oneDNN that was loaded is not version 2",
                    remedy: "build again with the one that is installed")
            }
            let isOpenMP = version.cpu_runtime == UInt32(DNNL_RUNTIME_OMP)
            guard version.cpu_runtime == UInt32(DNNL_RUNTIME_SEQ) || isOpenMP && setOpenMPThreads != nil else {
                return NarrowObstacle(
                    problem: "oneDNN is built with threads that cannot be switched off",
                    remedy: "install one that is built with OpenMP, as Debian's is")
            }
            let wanted = dnnl_cpu_isa_avx512_core_bf16.rawValue
            guard dnnl_get_effective_cpu_isa().rawValue & wanted == wanted else {
                return NarrowObstacle(
                    problem: "this processor does not multiply bfloat16 (AVX-512 BF16 or AMX)",
                    remedy: "use one that does")
            }
            return nil
        }()

        /// `oneDNN 2.6.3`.
        static var library: String {
            dnnl_version().map { "oneDNN \($0.pointee.major).\($0.pointee.minor).\($0.pointee.patch)" } ?? "oneDNN"
        }

        /// One call of the library, on one thread, this one.
        ///
        /// - Parameters:
        ///   - a: m · k values.
        ///   - b: of any alignment; only read.
        ///   - c: m rows; must not overlap A or B.
        func multiply(_ a: UnsafePointer<UInt16>, _ b: UnsafeRawPointer, into c: UnsafeMutablePointer<Float>) {
            precondition(m > 0 && n > 0 && k > 0, "a product of \(m) × \(n) × \(k)")
            precondition(weightStride >= (isTransposed ? k : n) && resultStride >= n, "strides of a product")
            Self.setOpenMPThreads?(1)
            Self.compiled(self).run(UnsafeMutableRawPointer(mutating: a), UnsafeMutableRawPointer(mutating: b), c)
        }

        // MARK: - The library

        /// OpenMP's own function, whose effect is on the calling thread alone; no header of it is where clang looks.
        private static let setOpenMPThreads: (@convention(c) (Int32) -> Void)? = {
            guard let address = dlsym(nil, "omp_set_num_threads") else { return nil }
            return unsafeBitCast(address, to: (@convention(c) (Int32) -> Void).self)
        }()

        /// Making the code of a shape takes up to 0.4 ms, finding it 0.03 ms even in the library's own cache.
        private static let cache = Mutex<[BFloat16Product: Compiled]>([:])
        /// The number of rows changes with every batch, so shapes come and go.
        private static let mostCompiled = 512

        private static func compiled(_ shape: BFloat16Product) -> Compiled {
            cache.withLock { all in
                if let known = all[shape] { return known }
                if all.count >= mostCompiled { all.removeAll() }
                let new = Compiled(shape)
                all[shape] = new
                return new
            }
        }

        /// The code of one shape. Immutable, and with scratch memory of the caller's: so several threads may run it at once.
        private final class Compiled: @unchecked Sendable {
            private static let engine: SharedEngine = {
                var engine: dnnl_engine_t?
                check(dnnl_engine_create(&engine, dnnl_cpu, 0), "engine")
                return SharedEngine(handle: engine)
            }()

            private struct SharedEngine: @unchecked Sendable {  // oneDNN's engines are immutable
                let handle: dnnl_engine_t?
            }

            private var a: dnnl_memory_desc_t
            private var b: dnnl_memory_desc_t
            private var c: dnnl_memory_desc_t
            private var scratch = dnnl_memory_desc_t()
            private let scratchBytes: Int
            private let primitive: dnnl_primitive_t?

            init(_ shape: BFloat16Product) {
                a = Self.matrix(shape.m, shape.k, strides: (shape.k, 1), dnnl_bf16)
                b = Self.matrix(
                    shape.k, shape.n, strides: shape.isTransposed ? (1, shape.weightStride) : (shape.weightStride, 1),
                    dnnl_bf16)
                c = Self.matrix(shape.m, shape.n, strides: (shape.resultStride, 1), dnnl_f32)
                var attributes: dnnl_primitive_attr_t?
                check(dnnl_primitive_attr_create(&attributes), "attributes")
                defer { dnnl_primitive_attr_destroy(attributes) }
                check(dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user), "scratch memory")
                if shape.isAccumulating {
                    var sum: dnnl_post_ops_t?
                    check(dnnl_post_ops_create(&sum), "post-ops")
                    defer { dnnl_post_ops_destroy(sum) }
                    check(dnnl_post_ops_append_sum(sum, 1), "sum")
                    check(dnnl_primitive_attr_set_post_ops(attributes, sum), "post-ops")
                }
                var operation = dnnl_matmul_desc_t(), description: dnnl_primitive_desc_t?
                check(dnnl_matmul_desc_init(&operation, &a, &b, nil, &c), "matmul of \(shape)")
                check(
                    dnnl_primitive_desc_create(&description, &operation, attributes, Self.engine.handle, nil),
                    "choice of code for \(shape)")
                defer { dnnl_primitive_desc_destroy(description) }
                if let wanted = dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0) {
                    scratch = wanted.pointee
                }
                scratchBytes = dnnl_memory_desc_get_size(&scratch)
                var primitive: dnnl_primitive_t?
                check(dnnl_primitive_create(&primitive, description), "code for \(shape)")
                self.primitive = primitive
            }

            deinit { dnnl_primitive_destroy(primitive) }

            func run(
                _ source: UnsafeMutableRawPointer, _ weights: UnsafeMutableRawPointer, _ result: UnsafeMutableRawPointer
            ) {
                let scratchMemory = UnsafeMutableRawPointer.allocate(byteCount: max(64, scratchBytes), alignment: 64)
                defer { scratchMemory.deallocate() }
                var arguments: [dnnl_exec_arg_t] = []
                defer { for argument in arguments { dnnl_memory_destroy(argument.memory) } }
                func add(_ number: Int32, _ description: dnnl_memory_desc_t, _ address: UnsafeMutableRawPointer) {
                    var memory: dnnl_memory_t?
                    withUnsafePointer(to: description) {
                        check(dnnl_memory_create(&memory, $0, Self.engine.handle, address), "memory")
                    }
                    arguments.append(dnnl_exec_arg_t(arg: number, memory: memory))
                }
                add(DNNL_ARG_SRC_0, a, source)
                add(DNNL_ARG_WEIGHTS_0, b, weights)
                add(DNNL_ARG_DST_0, c, result)
                add(DNNL_ARG_SCRATCHPAD, scratch, scratchMemory)
                var stream: dnnl_stream_t?
                check(
                    dnnl_stream_create(&stream, Self.engine.handle, dnnl_stream_default_flags.rawValue), "stream")
                defer { dnnl_stream_destroy(stream) }
                check(dnnl_primitive_execute(primitive, stream, Int32(arguments.count), arguments), "product")
                check(dnnl_stream_wait(stream), "product")
            }

            private static func matrix(
                _ rows: Int, _ columns: Int, strides: (Int, Int), _ type: dnnl_data_type_t
            ) -> dnnl_memory_desc_t {
                var description = dnnl_memory_desc_t()
                let extents = [dnnl_dim_t(rows), dnnl_dim_t(columns)]
                let steps = [dnnl_dim_t(strides.0), dnnl_dim_t(strides.1)]
                check(dnnl_memory_desc_init_by_strides(&description, 2, extents, type, steps), "matrix")
                return description
            }
        }
    }

    private func check(_ status: dnnl_status_t, _ what: @autoclosure () -> String) {
        precondition(status == dnnl_success, "oneDNN refuses the \(what()): status \(status.rawValue)")
    }
#endif
