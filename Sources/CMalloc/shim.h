#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <malloc.h>
#include <sys/mman.h>

// mremap takes a variable number of arguments, which Swift does not call.
static inline void *grow_mapping(void *address, size_t from, size_t to) {
    return mremap(address, from, to, MREMAP_MAYMOVE);
}
