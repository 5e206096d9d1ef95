#!/usr/bin/env python3
"""The file system of step 04 in Python: a directory, and one file in it.

No FUSE library: os.read, os.write, and mount(2) by ctypes. Its tests:

    cargo xtask vm-test 04 --server tests/other-languages/hello.py

As root, on this machine: tests/other-languages/hello.py /tmp/m. Ctrl-C unmounts.
"""

import ctypes
import os
import signal
import stat
import sys
from errno import EAGAIN, ENODEV, ENOENT, ENOSYS, EPROTO, EROFS
from struct import Struct

HELLO = b"Hello from user space!\n"
ROOT, FILE = 1, 2  # Node ids. The root's is fixed, every other is our choice.
VALID = 3600  # Seconds for which the kernel may remember what we told it.
BIRTHDAY = 1274745600  # 25 May 2010: the day of protocol 7.14.
MAX_WRITE = 1 << 17
ROOM = MAX_WRITE + 4096  # With less room, each read is EINVAL.

# <linux/fuse.h>, as of 7.14. "=": this machine's byte order, and no gaps but those given as x.
IN_HEADER = Struct("=IIQQIIIxxxx")  # len, opcode, unique, nodeid, uid, gid, pid
OUT_HEADER = Struct("=IiQ")  # len, error (negative), unique
INIT_IN = Struct("=IIII")  # major, minor, max_readahead, flags; today more follows
INIT_OUT = Struct("=IIIIHHI")  # the same, max_background, congestion_threshold, max_write
ATTR = Struct("=6Q3I5I8x")  # ino, size, blocks, 3 times, their nanoseconds, mode, nlink, uid, gid, rdev
ATTR_OUT = Struct("=QIxxxx")  # attr_valid in seconds, and nanoseconds; then an ATTR
ENTRY_OUT = Struct("=QQQQII")  # nodeid, generation, entry_valid, attr_valid, nanoseconds; then an ATTR
OPEN_OUT = Struct("=QIxxxx")  # fh, flags
READ_IN = Struct("=QQI")  # fh, offset, size; more follows
STATFS_OUT = Struct("=5Q3I28x")  # blocks, bfree, bavail, files, ffree, bsize, namelen, frsize
DIRENT = Struct("=QQII")  # ino, off, namelen, type; then the name, and zeros up to a multiple of 8
U32 = Struct("=I")

LOOKUP, FORGET, GETATTR, OPEN, READ, STATFS, RELEASE, FLUSH = 1, 2, 3, 14, 15, 17, 18, 25
INIT, OPENDIR, READDIR, RELEASEDIR, ACCESS, INTERRUPT, DESTROY = 26, 27, 28, 29, 34, 36, 38
ASYNC_READ, BIG_WRITES = 1 << 0, 1 << 5

MS_NOSUID, MS_NODEV, MNT_FORCE, MNT_DETACH = 2, 4, 1, 2
libc = ctypes.CDLL(None, use_errno=True)


def mount(device, path):
    options = f"fd={device},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}"
    flags = ctypes.c_ulong(MS_NOSUID | MS_NODEV)
    if libc.mount(b"hello-py", os.fsencode(path), b"fuse", flags, options.encode()) != 0:
        why = os.strerror(ctypes.get_errno())
        sys.exit(f"cannot mount on {path}: {why} (are you root?)")


def unmount(path):
    """MNT_FORCE ends the connection though a client holds a file open, so that the next read gives
    ENODEV; MNT_DETACH takes the mount out of sight."""
    libc.umount2(os.fsencode(path), MNT_FORCE | MNT_DETACH)


def attributes(node):
    mode, nlink, size = stat.S_IFREG | 0o444, 1, len(HELLO)
    if node == ROOT:
        mode, nlink, size = stat.S_IFDIR | 0o555, 2, 0
    times = [BIRTHDAY] * 3 + [0] * 3
    return ATTR.pack(node, size, (size + 511) // 512, *times, mode, nlink, 0, 0, 0)


def listing(offset, size):
    """The entries from offset on, as many as fit. Each says where the next one starts."""
    directory, file = stat.S_IFDIR >> 12, stat.S_IFREG >> 12
    entries = [(ROOT, directory, b"."), (ROOT, directory, b".."), (FILE, file, b"hello.txt")]
    fitting = b""
    for next_one, (node, kind, name) in list(enumerate(entries, 1))[offset:]:
        entry = DIRENT.pack(node, next_one, len(name), kind) + name
        entry += bytes(-len(entry) % 8)
        if len(fitting) + len(entry) > size:
            break
        fitting += entry
    return fitting


def answer(opcode, node, body):
    """The whole file system: the errno of the answer to a request, or 0, and its body."""
    if opcode == LOOKUP:  # The kernel walks a path one name at a time.
        if (node, body) != (ROOT, b"hello.txt\0"):
            return ENOENT, b""
        return 0, ENTRY_OUT.pack(FILE, 0, VALID, VALID, 0, 0) + attributes(FILE)
    if opcode == GETATTR:
        return 0, ATTR_OUT.pack(VALID, 0) + attributes(node)
    if opcode == ACCESS:
        (mask,) = U32.unpack_from(body)
        return EROFS if mask & os.W_OK else 0, b""
    if opcode == STATFS:
        return 0, STATFS_OUT.pack(1, 0, 0, 2, 0, 4096, 255, 4096)
    if opcode == OPEN and U32.unpack_from(body)[0] & os.O_ACCMODE != os.O_RDONLY:
        return EROFS, b""
    if opcode in (OPEN, OPENDIR):
        return 0, OPEN_OUT.pack(0, 0)
    if opcode == READDIR:
        _, offset, size = READ_IN.unpack_from(body)
        return 0, listing(offset, size)
    if opcode == READ:
        _, offset, size = READ_IN.unpack_from(body)
        return 0, HELLO[offset : offset + size]  # No byte at all: that is the end of the file.
    if opcode in (FLUSH, RELEASE, RELEASEDIR, DESTROY):
        return 0, b""  # The header says it all.
    if opcode == INIT:
        major, _, max_readahead, flags = INIT_IN.unpack_from(body)
        ours = flags & (ASYNC_READ | BIG_WRITES)  # Of what we would like only what this kernel has.
        return 0 if major == 7 else EPROTO, INIT_OUT.pack(7, 14, max_readahead, ours, 0, 0, MAX_WRITE)
    return ENOSYS, b""  # Also what is newer than 7.14. For some of them the kernel does not ask again.


def serve(device):
    while True:
        try:
            request = os.read(device, ROOM)  # After a signal's handler, it reads on by itself.
        except OSError as error:
            if error.errno in (EAGAIN, ENOENT):  # ENOENT: that request was withdrawn.
                continue
            if error.errno == ENODEV:  # Unmounted, by us or by somebody else.
                return
            raise
        _, opcode, unique, node, *_ = IN_HEADER.unpack_from(request)
        if opcode in (FORGET, INTERRUPT):
            continue  # Nobody waits for an answer.
        errno, body = answer(opcode, node, request[IN_HEADER.size :])
        if errno:
            body = b""
        try:  # One write is one answer.
            os.write(device, OUT_HEADER.pack(OUT_HEADER.size + len(body), -errno, unique) + body)
        except OSError as error:
            if error.errno != ENOENT:  # Its client, or the whole mount, has gone meanwhile.
                raise


def main():
    if len(sys.argv) != 2:
        sys.exit(f"Usage: {sys.argv[0]} MOUNTPOINT (an empty directory)")
    path = os.path.realpath(sys.argv[1])
    device = os.open("/dev/fuse", os.O_RDWR)
    ends = (signal.SIGINT, signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)  # One that comes too early waits for the mount.
    for end in ends:
        signal.signal(end, lambda *_: unmount(path))
    mount(device, path)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ends)
    try:
        serve(device)
    except BaseException:
        unmount(path)  # Else its clients would meet a dead mount.
        raise


main()
