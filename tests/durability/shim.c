/* A disk that is slow, broken or torn, for the process that preloads it (LD_PRELOAD).
 *
 * The file named by MOLDAU_SHIM holds one order, read at every call, so that a test can change it
 * while the broker runs:
 *   hold        each sync waits until the order is another one
 *   delay MS    each sync takes so many milliseconds longer
 *   fail        each sync fails with EIO
 *   fail-once   the next sync fails with EIO, those after it succeed (as Linux reports a lost page)
 *   full        each write to a file fails with ENOSPC
 *   tear        the next write to a .log file writes half of its bytes and kills the process
 * Every sync that was asked for is counted in MOLDAU_SHIM.count, one byte each, before the order is
 * carried out.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static void read_order(char *order, size_t size) {
    const char *path = getenv("MOLDAU_SHIM");
    order[0] = 0;
    if (!path) return;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    ssize_t n = read(fd, order, size - 1);
    close(fd);
    order[n > 0 ? n : 0] = 0;
}

static void count_one(void) {
    char path[4096];
    if (!getenv("MOLDAU_SHIM")) return;
    snprintf(path, sizeof path, "%s.count", getenv("MOLDAU_SHIM"));
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) return;
    ssize_t (*real)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    real(fd, "s", 1);
    close(fd);
}

static void sleep_ms(int ms) {
    struct timespec t = {ms / 1000, (ms % 1000) * 1000000L};
    nanosleep(&t, NULL);
}

static atomic_flag failed_once = ATOMIC_FLAG_INIT;

/* 0: go on with the real sync. */
static int before_sync(void) {
    char order[64];
    int ms;
    read_order(order, sizeof order);
    count_one();
    while (strcmp(order, "hold") == 0) {
        sleep_ms(1);
        read_order(order, sizeof order);
    }
    if (sscanf(order, "delay %d", &ms) == 1) sleep_ms(ms);
    int fails = strcmp(order, "fail") == 0;
    if (strcmp(order, "fail-once") == 0) fails = !atomic_flag_test_and_set(&failed_once);
    if (fails) errno = EIO;
    return fails ? -1 : 0;
}

#define SYNC(name, params, args)                              \
    int name params {                                         \
        int(*real) params = dlsym(RTLD_NEXT, #name);          \
        return before_sync() ? -1 : real args;                \
    }
SYNC(fsync, (int fd), (fd))
SYNC(fdatasync, (int fd), (fd))
SYNC(syncfs, (int fd), (fd))
SYNC(sync_file_range, (int fd, off64_t at, off64_t n, unsigned how), (fd, at, n, how))

static int is_file(int fd) {
    struct stat found;
    return fd > 2 && fstat(fd, &found) == 0 && S_ISREG(found.st_mode);
}

static int is_segment(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 4) return 0;
    path[n] = 0;
    return strcmp(path + n - 4, ".log") == 0;
}

/* 0: go on with the real write. -1: it fails. Does not come back when the write is torn. */
static int before_write(int fd, const struct iovec *parts, int count, off_t at, int positioned) {
    char order[64];
    if (!is_file(fd)) return 0;
    read_order(order, sizeof order);
    if (strcmp(order, "full") == 0) {
        errno = ENOSPC;
        return -1;
    }
    int dsync = (fcntl(fd, F_GETFL) & O_DSYNC) != 0;
    if (dsync && before_sync()) return -1;
    if (strcmp(order, "tear") != 0 || !is_segment(fd)) return 0;
    size_t total = 0;
    for (int i = 0; i < count; i++) total += parts[i].iov_len;
    size_t left = total / 2;
    ssize_t (*real)(int, const void *, size_t, off_t) = dlsym(RTLD_NEXT, "pwrite");
    if (!positioned) at = lseek(fd, 0, SEEK_END);
    for (int i = 0; i < count && left; i++) {
        size_t n = parts[i].iov_len < left ? parts[i].iov_len : left;
        at += real(fd, parts[i].iov_base, n, at);
        left -= n;
    }
    kill(getpid(), SIGKILL);
    return -1;
}

ssize_t write(int fd, const void *data, size_t size) {
    ssize_t (*real)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    struct iovec one = {(void *)data, size};
    return before_write(fd, &one, 1, 0, 0) ? -1 : real(fd, data, size);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    ssize_t (*real)(int, const struct iovec *, int) = dlsym(RTLD_NEXT, "writev");
    return before_write(fd, parts, count, 0, 0) ? -1 : real(fd, parts, count);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    ssize_t (*real)(int, const void *, size_t, off_t) = dlsym(RTLD_NEXT, "pwrite");
    struct iovec one = {(void *)data, size};
    return before_write(fd, &one, 1, at, 1) ? -1 : real(fd, data, size, at);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
    ssize_t (*real)(int, const struct iovec *, int, off_t) = dlsym(RTLD_NEXT, "pwritev");
    return before_write(fd, parts, count, at, 1) ? -1 : real(fd, parts, count, at);
}

ssize_t pwrite64(int, const void *, size_t, off_t) __attribute__((alias("pwrite")));
ssize_t pwritev64(int, const struct iovec *, int, off_t) __attribute__((alias("pwritev")));
ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t at, int flags) {
    ssize_t (*real)(int, const struct iovec *, int, off_t, int) = dlsym(RTLD_NEXT, "pwritev2");
    return before_write(fd, parts, count, at, 1) ? -1 : real(fd, parts, count, at, flags);
}
ssize_t pwritev64v2(int, const struct iovec *, int, off_t, int) __attribute__((alias("pwritev2")));
