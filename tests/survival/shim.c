/* Stands between a program and the disk, for one folder.
 *
 * SHIM_UNDER    the folder that is watched (a canonical path); everything else passes
 * SHIM_LOG      file that each thing done to the program is noted in, one line; with SHIM_TRACE each call as well
 * SHIM_SHADOW   folder that remembers what a power cut could not take, see below
 * SHIM_FAIL_AT  the call with this number (1, 2, ...) fails once, with errno SHIM_ERRNO
 * SHIM_KILL_AT  the process kills itself at the call with this number: before it, after it or,
 *               a write, half way (SHIM_KILL = before | half | after)
 * SHIM_READONLY nothing may be made, written, renamed or taken away: EROFS
 * SHIM_ROOM     writes fail with ENOSPC once so many bytes were written
 * SHIM_ONLY     only calls of this name are counted
 * SHIM_READS    reads are counted, and may fail, instead of all other calls
 *
 * The shadow: at fsync/fdatasync of a file its bytes are kept under the inode's key, at fsync of a folder its
 * names, one "<key> <name>" a line. What was not flushed, bytes or names, does not exist. Disks and file systems
 * often keep more than that; they promise nothing else. A key is `file-` or `dir-`, the inode's number and its
 * birth, since numbers are given out again.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static const char *under, *logfile, *shadow, *kill_how, *trace, *only;
static long fail_at, kill_at, room = -1;
static int fail_errno;
static int is_readonly, reads;
static atomic_long calls, written;

static long number(const char *name, long otherwise) {
    const char *s = getenv(name);
    return s && *s ? atol(s) : otherwise;
}

__attribute__((constructor)) static void begin(void) {
    under = getenv("SHIM_UNDER");
    logfile = getenv("SHIM_LOG");
    shadow = getenv("SHIM_SHADOW");
    kill_how = getenv("SHIM_KILL");
    trace = getenv("SHIM_TRACE");
    only = getenv("SHIM_ONLY");
    fail_at = number("SHIM_FAIL_AT", 0);
    fail_errno = (int)number("SHIM_ERRNO", EIO);
    kill_at = number("SHIM_KILL_AT", 0);
    is_readonly = (int)number("SHIM_READONLY", 0);
    room = number("SHIM_ROOM", -1);
    reads = (int)number("SHIM_READS", 0);
}

static void note(const char *did, const char *call, const char *path) {
    if (!logfile) return;
    char line[PATH_MAX + 64];
    int n = snprintf(line, sizeof line, "%s %s %s\n", did, call, path);
    int fd = REAL(open)(logfile, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd >= 0 && n > 0) REAL(write)(fd, line, (size_t)n);
    if (fd >= 0) close(fd);
}

/* The absolute path of `path` as seen from `dir`, when it is watched. */
static const char *at(int dir, const char *path, char *out) {
    if (!under || !path) return NULL;
    char base[PATH_MAX] = "", link[64];
    if (path[0] != '/') {
        if (dir == AT_FDCWD) snprintf(link, sizeof link, "/proc/self/cwd");
        else snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
        ssize_t n = readlink(link, base, sizeof base - 2);
        if (n < 0) return NULL;
        base[n] = '/';
        base[n + 1] = 0;
    }
    snprintf(out, PATH_MAX, "%s%s", base, path);
    size_t n = strlen(under);
    return strncmp(out, under, n) == 0 && (out[n] == '/' || out[n] == 0) ? out : NULL;
}

static const char *of(int fd, char *out) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = under ? readlink(link, out, PATH_MAX - 1) : -1;
    /* What has no place in the file system has another sort of name. */
    if (n < 1 || out[0] != '/') return NULL;
    out[n] = 0;
    return at(AT_FDCWD, out, (char[PATH_MAX]){0}) ? out : NULL;
}

/* Counts a call; true when it must fail. */
static int strike(const char *call, const char *path, long *number) {
    *number = -1;
    if (!path || reads != (strstr(call, "read") != NULL) || (only && strcmp(only, call))) return 0;
    *number = atomic_fetch_add(&calls, 1) + 1;
    if (trace) note("called", call, path);
    if (is_readonly && strcmp(call, "open")) {
        errno = EROFS;
        return 1;
    }
    if (*number == kill_at && (!kill_how || !strcmp(kill_how, "before"))) {
        note("killed", call, path);
        raise(SIGKILL);
    }
    if (*number != fail_at) return 0;
    note("failed", call, path);
    errno = fail_errno;
    return 1;
}

static void after(const char *call, const char *path, long number) {
    if (path && number == kill_at) {
        note("killed", call, path);
        raise(SIGKILL);
    }
}

/* ---- the shadow ---- */

static void key(int dir, const char *name, int flags, char *out) {
    struct statx s = {0};
    statx(dir, name, flags | AT_SYMLINK_NOFOLLOW, STATX_TYPE | STATX_INO | STATX_BTIME, &s);
    sprintf(out, "%s-%llu.%lld.%09u", S_ISDIR(s.stx_mode) ? "dir" : "file", (unsigned long long)s.stx_ino,
            (long long)s.stx_btime.tv_sec, s.stx_btime.tv_nsec);
}

static void give_up(const char *what) {
    note("shim", "cannot", what);
    abort();
}

static void keep_bytes(int fd, int out) {
    char *buffer = malloc(1 << 20);
    /* Closing another descriptor of the file would give up the locks that SQLite has on it: never closed. */
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY) fd = REAL(open)(link, O_RDONLY);
    else dup(fd); /* keeps the inode's number from being given out again while we live */
    for (off_t from = 0;;) {
        ssize_t n = REAL(pread64)(fd, buffer, 1 << 20, from);
        if (n < 0 || (n > 0 && REAL(write)(out, buffer, (size_t)n) != n)) give_up("copy");
        if (n == 0) break;
        from += n;
    }
    free(buffer);
}

static void keep_names(const char *path, int out) {
    DIR *dir = opendir(path);
    if (!dir) give_up("list");
    for (struct dirent *e; (e = readdir(dir));) {
        char k[80], line[PATH_MAX];
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
        key(dirfd(dir), e->d_name, 0, k);
        int n = snprintf(line, sizeof line, "%s %s\n", k, e->d_name);
        if (REAL(write)(out, line, (size_t)n) != n) give_up("note names");
    }
    closedir(dir);
}

static void remember(int fd, const char *path) {
    char k[80], draft[PATH_MAX], final[PATH_MAX], lock[PATH_MAX];
    if (!shadow) return;
    snprintf(lock, sizeof lock, "%s/lock", shadow);
    int held = REAL(open)(lock, O_RDWR | O_CREAT, 0600);
    if (held < 0 || flock(held, LOCK_EX)) give_up("lock");
    key(fd, "", AT_EMPTY_PATH, k);
    snprintf(final, sizeof final, "%s/%s", shadow, k);
    snprintf(draft, sizeof draft, "%s/draft", shadow);
    int out = REAL(open)(draft, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (out < 0) give_up("open");
    if (k[0] == 'd') keep_names(path, out);
    else keep_bytes(fd, out);
    close(out);
    /* At once or not at all, since we may be killed here. */
    if (REAL(rename)(draft, final)) give_up("rename");
    close(held);
}

/* ---- the calls ---- */

static int sync_file(const char *call, int (*real)(int), int fd) {
    char buffer[PATH_MAX];
    const char *path = of(fd, buffer);
    long n = 0;
    if (strike(call, path, &n)) return -1;
    int done = real(fd);
    if (done == 0 && path) remember(fd, path);
    after(call, path, n);
    return done;
}

int fsync(int fd) { return sync_file("fsync", REAL(fsync), fd); }
int fdatasync(int fd) { return sync_file("fdatasync", REAL(fdatasync), fd); }

/* A disk takes so much whole or not at all. */
enum { SECTOR = 512 };

/* How much of `size` may be written; -1 with errno when nothing may. */
static ssize_t allowed(const char *call, const char *path, size_t size, long *n) {
    if (strike(call, path, n)) return -1;
    if (!path) return (ssize_t)size;
    if (*n == kill_at && kill_how && !strcmp(kill_how, "half")) return (ssize_t)(size > SECTOR ? size / 2 : 0);
    if (room < 0) return (ssize_t)size;
    long left = room - atomic_fetch_add(&written, (long)size);
    if (left >= (long)size) return (ssize_t)size;
    note("full", call, path);
    if (left > 0 && size > SECTOR) return left;
    errno = ENOSPC;
    return -1;
}

ssize_t write(int fd, const void *bytes, size_t size) {
    char buffer[PATH_MAX];
    const char *path = of(fd, buffer);
    long n = 0;
    ssize_t may = allowed("write", path, size, &n);
    if (may < 0) return -1;
    ssize_t done = REAL(write)(fd, bytes, (size_t)may);
    after("write", path, n);
    return done;
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t from) {
    char buffer[PATH_MAX];
    const char *path = of(fd, buffer);
    long n = 0;
    ssize_t may = allowed("pwrite64", path, size, &n);
    if (may < 0) return -1;
    ssize_t done = REAL(pwrite64)(fd, bytes, (size_t)may, from);
    after("pwrite64", path, n);
    return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t from) { return pwrite64(fd, bytes, size, from); }

ssize_t read(int fd, void *bytes, size_t size) {
    char buffer[PATH_MAX];
    long n = 0;
    return reads && strike("read", of(fd, buffer), &n) ? -1 : REAL(read)(fd, bytes, size);
}

ssize_t pread64(int fd, void *bytes, size_t size, off64_t from) {
    char buffer[PATH_MAX];
    long n = 0;
    return reads && strike("pread64", of(fd, buffer), &n) ? -1 : REAL(pread64)(fd, bytes, size, from);
}

ssize_t pread(int fd, void *bytes, size_t size, off_t from) { return pread64(fd, bytes, size, from); }

int ftruncate64(int fd, off64_t size) {
    char buffer[PATH_MAX];
    const char *path = of(fd, buffer);
    long n = 0;
    if (strike("ftruncate", path, &n)) return -1;
    int done = REAL(ftruncate64)(fd, size);
    after("ftruncate", path, n);
    return done;
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

int openat64(int dir, const char *name, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    char buffer[PATH_MAX];
    const char *path = at(dir, name, buffer);
    long n = 0;
    if (strike("open", path, &n)) return -1;
    if (path && is_readonly && flags & (O_WRONLY | O_RDWR | O_CREAT)) {
        errno = EROFS;
        return -1;
    }
    int done = REAL(openat64)(dir, name, flags, mode);
    after("open", path, n);
    return done;
}

#define OPEN(name, first, dir)                                                        \
    int name(first const char *path, int flags, ...) {                                \
        va_list rest;                                                                 \
        va_start(rest, flags);                                                        \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;       \
        va_end(rest);                                                                 \
        return openat64(dir, path, flags, mode);                                      \
    }
#define COMMA ,
OPEN(open, , AT_FDCWD)
OPEN(open64, , AT_FDCWD)
OPEN(openat, int dirfd COMMA, dirfd)

/* Calls on names: `watched` is the path that decides, `real` the call itself. */
#define NAMED(call, dir, name, real)          \
    char buffer[PATH_MAX];                    \
    const char *path = at(dir, name, buffer); \
    long n = 0;                               \
    if (strike(call, path, &n)) return -1;    \
    int done = real;                          \
    after(call, path, n);                     \
    return done

int rename(const char *from, const char *to) { NAMED("rename", AT_FDCWD, to, REAL(rename)(from, to)); }
int unlink(const char *name) { NAMED("unlink", AT_FDCWD, name, REAL(unlink)(name)); }
int unlinkat(int dir, const char *name, int flags) { NAMED("unlink", dir, name, REAL(unlinkat)(dir, name, flags)); }
int link(const char *from, const char *to) { NAMED("link", AT_FDCWD, to, REAL(link)(from, to)); }
int linkat(int a, const char *from, int b, const char *to, int flags) { NAMED("link", b, to, REAL(linkat)(a, from, b, to, flags)); }
int mkdir(const char *name, mode_t mode) { NAMED("mkdir", AT_FDCWD, name, REAL(mkdir)(name, mode)); }
