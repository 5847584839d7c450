// How the process asks the system for memory.

import CMalloc

enum ProcessMemory {
    /// Lets the heap keep the large buffers that come and go with every clip, instead of asking the kernel for zeroed
    /// pages each time: a fifth of featurize's time. Blocks over 32 MiB still go back at once.
    static func prepare() {
        mallopt(M_MMAP_THRESHOLD, 32 << 20)
        mallopt(M_TRIM_THRESHOLD, 64 << 20)
    }
}
