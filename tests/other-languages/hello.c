/* The file system of step 04 in C: a directory, and one file in it. No FUSE library, read(2) and write(2).
 *
 *     cc -O2 -Wall -Wextra -o target/hello-c tests/other-languages/hello.c
 *     cargo xtask vm-test 04 --server target/hello-c
 *
 * As root, on this machine: target/hello-c /tmp/m. Ctrl-C unmounts.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fuse.h> /* The messages, as the kernel sees them. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static const char HELLO[] = "Hello from user space!\n";
enum { SIZE = sizeof HELLO - 1, ROOT = FUSE_ROOT_ID, FILE_ID = 2 };
enum { VALID = 3600 }; /* Seconds for which the kernel may remember what we told it. */
enum { MAX_WRITE = 1 << 17, ROOM = MAX_WRITE + 4096 }; /* With less room, each read is EINVAL. */

static char mountpoint[PATH_MAX];

/* Also for Ctrl-C. MNT_FORCE ends the connection though a client holds a file open, so that the next
 * read(2) gives ENODEV; MNT_DETACH takes the mount out of sight. */
static void unmount(int signal)
{
    int before = errno; /* What we interrupt may be about to look at it. */
    (void)signal;
    umount2(mountpoint, MNT_FORCE | MNT_DETACH);
    errno = before;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static struct fuse_attr attributes(uint64_t node)
{
    struct fuse_attr attr = {.ino = node, .mode = S_IFDIR | 0555, .nlink = 2};
    if (node != ROOT) {
        attr.mode = S_IFREG | 0444;
        attr.nlink = 1;
        attr.size = SIZE;
        attr.blocks = 1;
    }
    attr.atime = attr.mtime = attr.ctime = 1274745600; /* 25 May 2010: the day of protocol 7.14. */
    return attr;
}

/* The entries from offset on, as many as fit. An entry's own offset says where the next one starts. */
static size_t list(char *out, const struct fuse_read_in *in)
{
    static const char *const names[] = {".", "..", "hello.txt"};
    size_t length = 0;
    for (uint64_t at = in->offset; at < 3; at++) {
        size_t namelen = strlen(names[at]);
        size_t whole = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + namelen);
        if (length + whole > in->size)
            break;
        struct fuse_dirent entry = {.ino = at < 2 ? ROOT : FILE_ID, .off = at + 1, .namelen = namelen};
        entry.type = attributes(entry.ino).mode >> 12;
        memset(out + length, 0, whole);
        memcpy(out + length, &entry, FUSE_NAME_OFFSET);
        memcpy(out + length + FUSE_NAME_OFFSET, names[at], namelen);
        length += whole;
    }
    return length;
}

/* The whole file system. Puts the body of the answer into out and its length into *length; returns 0, or the
 * error, negative, as the kernel wants it. `in` is the body of the request. */
static int answer(const struct fuse_in_header *head, const void *in, char *out, size_t *length)
{
/* The body is one struct, with these fields; all others are 0. */
#define BODY(type, ...) (*length = sizeof(type), memcpy(out, &(type){__VA_ARGS__}, sizeof(type)), 0)
    switch (head->opcode) {
    case FUSE_LOOKUP: /* The kernel walks a path one name at a time. */
        if (head->nodeid != ROOT || strcmp(in, "hello.txt") != 0)
            return -ENOENT;
        return BODY(struct fuse_entry_out, .nodeid = FILE_ID, .entry_valid = VALID, .attr_valid = VALID,
                    .attr = attributes(FILE_ID));
    case FUSE_GETATTR:
        return BODY(struct fuse_attr_out, .attr_valid = VALID, .attr = attributes(head->nodeid));
    case FUSE_ACCESS:
        return ((const struct fuse_access_in *)in)->mask & W_OK ? -EROFS : 0;
    case FUSE_STATFS:
        return BODY(struct fuse_statfs_out, .st = {.blocks = 1, .files = 2, .bsize = 4096, .frsize = 4096,
                                                   .namelen = 255});
    case FUSE_OPEN:
        if ((((const struct fuse_open_in *)in)->flags & O_ACCMODE) != O_RDONLY)
            return -EROFS;
        /* fall through */
    case FUSE_OPENDIR: /* No handle, no flags: zeros. */
        return BODY(struct fuse_open_out, .fh = 0);
    case FUSE_READDIR:
        *length = list(out, in);
        return 0;
    case FUSE_READ: {
        const struct fuse_read_in *read = in;
        uint64_t start = read->offset < SIZE ? read->offset : SIZE;
        *length = read->size < SIZE - start ? read->size : SIZE - start;
        memcpy(out, HELLO + start, *length);
        return 0; /* No byte at all: that is the end of the file. */
    }
    case FUSE_FLUSH: case FUSE_RELEASE: case FUSE_RELEASEDIR: case FUSE_DESTROY:
        return 0; /* A header says it all. */
    case FUSE_INIT: {
        struct fuse_init_out out714 = {.major = 7, .minor = 14, .flags = FUSE_ASYNC_READ | FUSE_BIG_WRITES,
                                       .max_write = MAX_WRITE};
        out714.max_readahead = ((const struct fuse_init_in *)in)->max_readahead;
        /* Of what we would like only what this kernel has. */
        out714.flags &= ((const struct fuse_init_in *)in)->flags;
        *length = FUSE_COMPAT_22_INIT_OUT_SIZE; /* 24 bytes: the struct has grown since 7.14. */
        memcpy(out, &out714, *length);
        return ((const struct fuse_init_in *)in)->major == 7 ? 0 : -EPROTO;
    }
    default: /* Also what is newer than 7.14. For some of them the kernel does not ask again. */
        return -ENOSYS;
    }
}

int main(int argc, char **argv)
{
    if (argc != 2 || !realpath(argv[1], mountpoint)) {
        fprintf(stderr, "Usage: %s MOUNTPOINT (an empty directory)\n", argv[0]);
        return 2;
    }
    int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (device < 0)
        fail("cannot open /dev/fuse");
    /* Without SA_RESTART a signal ends the read that waits. One that comes too early waits for the mount. */
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    sigaction(SIGINT, &(struct sigaction){.sa_handler = unmount}, NULL);
    sigaction(SIGTERM, &(struct sigaction){.sa_handler = unmount}, NULL);
    char options[100];
    snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=%u,group_id=%u", device, getuid(), getgid());
    if (mount("hello-c", mountpoint, "fuse", MS_NOSUID | MS_NODEV, options) != 0)
        fail("cannot mount (are you root?)");
    sigprocmask(SIG_UNBLOCK, &ends, NULL);

    static _Alignas(8) char request[ROOM], reply[ROOM];
    for (;;) {
        ssize_t got = read(device, request, ROOM);
        if (got < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT))
            continue; /* A signal, or a request that was withdrawn. */
        if (got < 0 && errno == ENODEV)
            return 0; /* Unmounted, by us or by somebody else. */
        if (got < 0)
            break;
        const struct fuse_in_header *head = (const void *)request;
        if (head->opcode == FUSE_FORGET || head->opcode == FUSE_INTERRUPT)
            continue; /* Nobody waits for an answer. */
        size_t length = 0;
        struct fuse_out_header out = {.unique = head->unique};
        out.error = answer(head, head + 1, reply + sizeof out, &length);
        out.len = sizeof out + (out.error ? 0 : length);
        memcpy(reply, &out, sizeof out);
        /* One write(2) is one answer. ENOENT: its client, or the whole mount, has gone meanwhile. */
        if (write(device, reply, out.len) < 0 && errno != ENOENT)
            break;
    }
    unmount(0);
    fail("cannot go on");
}
