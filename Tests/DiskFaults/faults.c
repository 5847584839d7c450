// A disk that fails on demand, for programs under test: preloaded (LD_PRELOAD), it stands before the C library's calls that
// change files, counts those below one directory, and lets them fail from a chosen one on, as a disk does that is full, that
// has become read-only, or that breaks. In C because a preloaded library must not bring a runtime of its own.
//
//   SAWT_FAULT_UNDER   the directory; calls elsewhere pass
//   SAWT_FAULT_AT      the number of the first call that fails, from 1; 0 or absent: none
//   SAWT_FAULT_ERROR   the errno that it fails with. ENOSPC, EDQUOT and EFBIG leave removing and renaming alone and let the
//                      first failing write write half, as a disk that runs full does
//   SAWT_FAULT_COUNT   a file that is given the number of calls when the program ends
//   SAWT_FAULT_FREE    free bytes that statvfs reports
//
// fsync below the directory is counted, but not done: what is tested is the program, not the disk.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static const char *under;
static long first_failing;
static int failure;
static atomic_long calls;

__attribute__((constructor)) static void begin(void) {
    const char *at = getenv("SAWT_FAULT_AT"), *error = getenv("SAWT_FAULT_ERROR");
    under = getenv("SAWT_FAULT_UNDER");
    first_failing = at ? atol(at) : 0;
    failure = error ? atoi(error) : EIO;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((destructor)) static void end(void) {
    const char *path = getenv("SAWT_FAULT_COUNT");
    if (!path) return;
    FILE *file = fopen(path, "w");
    if (!file) return;
    fprintf(file, "%ld\n", atomic_load(&calls));
    fclose(file);
}

static int is_full(void) { return failure == ENOSPC || failure == EDQUOT || failure == EFBIG; }

static int is_below(const char *path) {
    char whole[PATH_MAX];
    size_t length = under ? strlen(under) : 0;
    if (length && path && path[0] != '/' && getcwd(whole, sizeof whole)) {
        size_t folder = strlen(whole);
        snprintf(whole + folder, sizeof whole - folder, "/%s", path);
        path = whole;
    }
    return length && path && strncmp(path, under, length) == 0 && (path[length] == '/' || path[length] == 0);
}

static int is_below_descriptor(int descriptor) {
    char link[32], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_below(path);
}

// 0: passes; 1: the first call that fails; 2: a later one.
static int count(void) {
    long number = atomic_fetch_add(&calls, 1) + 1;
    if (first_failing == 0 || number < first_failing) return 0;
    errno = failure;
    return number == first_failing ? 1 : 2;
}

static int fails(const char *path) { return is_below(path) && count(); }

static int writes(int flags) { return (flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC); }

// A full disk still opens the files that are there.
static int open_fails(const char *path, int flags) {
    if (!writes(flags) || !is_below(path)) return 0;
    if (is_full() && access(path, F_OK) == 0) return 0;
    return count();
}

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    int mode = va_arg(rest, int);
    va_end(rest);
    return open_fails(path, flags) ? -1 : NEXT(open)(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    int mode = va_arg(rest, int);
    va_end(rest);
    return open_fails(path, flags) ? -1 : NEXT(open)(path, flags, mode);
}

ssize_t write(int descriptor, const void *bytes, size_t size) {
    if (is_below_descriptor(descriptor)) {
        int answer = count();
        if (answer == 1 && is_full() && size > 1) return NEXT(write)(descriptor, bytes, size / 2);
        if (answer) return -1;
    }
    return NEXT(write)(descriptor, bytes, size);
}

int fsync(int descriptor) {
    if (!is_below_descriptor(descriptor)) return NEXT(fsync)(descriptor);
    return count() ? -1 : 0;
}

int ftruncate(int descriptor, off_t size) {
    return is_below_descriptor(descriptor) && count() && !is_full() ? -1 : NEXT(ftruncate)(descriptor, size);
}

int ftruncate64(int descriptor, off64_t size) { return ftruncate(descriptor, size); }

int mkdir(const char *path, mode_t mode) { return fails(path) ? -1 : NEXT(mkdir)(path, mode); }

int rename(const char *from, const char *to) {
    return fails(to) && !is_full() ? -1 : NEXT(rename)(from, to);
}

int unlink(const char *path) { return fails(path) && !is_full() ? -1 : NEXT(unlink)(path); }

int rmdir(const char *path) { return fails(path) && !is_full() ? -1 : NEXT(rmdir)(path); }

int utimensat(int directory, const char *path, const struct timespec times[2], int flags) {
    return fails(path) && !is_full() ? -1 : NEXT(utimensat)(directory, path, times, flags);
}

static int report(int result, struct statvfs *status) {
    const char *bytes = getenv("SAWT_FAULT_FREE");
    if (result == 0 && bytes) {
        status->f_frsize = 1;
        status->f_bavail = strtoull(bytes, 0, 10);
    }
    return result;
}

int statvfs(const char *path, struct statvfs *status) { return report(NEXT(statvfs)(path, status), status); }

int statvfs64(const char *path, struct statvfs64 *status) {
    return report(NEXT(statvfs)(path, (struct statvfs *)status), (struct statvfs *)status);
}
