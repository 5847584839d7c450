// Tells the processor that a loop waits for another thread: it spares power and leaves the memory system alone.
static inline void spin_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("isb");
#endif
}
