"""What the file system under a path is, and moves on it that never replace and survive a power cut."""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import errno
import hashlib
import os
import re
import stat
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

# File systems whose changes made elsewhere raise no local event and whose shared memory cannot carry a WAL.
NETWORK_TYPES = frozenset(
    "nfs nfs4 cifs smb smb2 smb3 smbfs afpfs webdav davfs 9p virtiofs ceph glusterfs lustre afs ncpfs vboxsf prl_fs "
    "fuse.sshfs fuse.rclone fuse.glusterfs fuse.davfs2 fuse.s3fs fuse.vmhgfs-fuse fuse.ceph fuse.smbnetfs".split()
)
_RENAME_NOREPLACE = 1  # linux/fs.h
_RENAME_EXCL = 4  # sys/stdio.h on macOS
_AT_FDCWD = -100
_NO_EXCLUSIVE_RENAME = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS, errno.EACCES}
_COPY_BYTES = 4 << 20


class Mount(NamedTuple):
    """A mounted file system: where, and its type as the kernel names it."""

    point: str
    type: str

    @property
    def is_network(self) -> bool:
        """Whether it is one of NETWORK_TYPES."""
        return self.type in NETWORK_TYPES


def mount_of(path: str | bytes) -> Mount:
    """The mount that holds `path` (or its nearest existing parent)."""
    real = os.path.realpath(os.fsdecode(path))
    best = Mount("/", "unknown")
    for mount in _mounts():
        prefix = mount.point.rstrip("/") + "/"
        if (real + "/").startswith(prefix) and len(mount.point) >= len(best.point):
            best = mount
    return best


def _mounts() -> list[Mount]:
    try:
        return parse_mountinfo(Path("/proc/self/mountinfo").read_text(errors="surrogateescape"))
    except OSError:
        pass
    if sys.platform == "darwin":
        printed = subprocess.run(["/sbin/mount"], capture_output=True, text=True, check=False).stdout
        return [Mount(*found) for found in re.findall(r"^.+? on (.+) \((\w+)[,)]", printed, re.MULTILINE)]
    return []


def parse_mountinfo(text: str) -> list[Mount]:
    """The mounts in the text of /proc/self/mountinfo, in its order (proc(5))."""
    mounts = []
    for line in text.splitlines():
        left, _, right = line.partition(" - ")
        fields, tail = left.split(" "), right.split(" ")
        if len(fields) > 4 and tail[0]:
            point = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), fields[4])
            mounts.append(Mount(point, tail[0]))
    return mounts


def free_bytes(path: str | bytes) -> int:
    """Bytes that this user may still write on the file system of `path`. Raises OSError."""
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize


def fsync_folder(path: str | bytes) -> None:
    """Make renames in the folder durable; file systems that cannot sync a folder are let be."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES}:
            raise
    finally:
        os.close(handle)


def write_atomic(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write one of our own files so that a reader sees the old content or the new, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    fsync_folder(str(path.parent))


def rename_exclusive(source: bytes, target: bytes) -> None:
    """Rename on one file system without ever replacing.

    Raises FileExistsError when `target` is there, and OSError as rename(2) does (EXDEV across file systems).
    """
    error = _rename_syscall(source, target)
    if error == 0:
        return
    if error not in _NO_EXCLUSIVE_RENAME:
        raise OSError(error, os.strerror(error), os.fsdecode(target))
    _rename_by_link(source, target)


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _rename_syscall(source: bytes, target: bytes) -> int:
    """0, or the errno of the platform's exclusive rename (ENOSYS where there is none)."""
    libc = _libc()
    ctypes.set_errno(0)
    if hasattr(libc, "renameat2"):
        done = libc.renameat2(_AT_FDCWD, source, _AT_FDCWD, target, _RENAME_NOREPLACE)
    elif hasattr(libc, "renamex_np"):
        done = libc.renamex_np(source, target, _RENAME_EXCL)
    else:
        return errno.ENOSYS
    return ctypes.get_errno() if done else 0


def _rename_by_link(source: bytes, target: bytes) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        # FAT and some network shares have neither: hold the name with an empty file of our own, then rename over it.
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        os.replace(source, target)
        return
    os.unlink(source)


def move_exclusive(source: bytes, target: bytes) -> None:
    """Move a file without replacing, also across file systems (copied, checked by hash, synced, then removed).

    Raises FileExistsError when `target` is there, OSError when it cannot be done; then `source` is still whole.
    """
    try:
        rename_exclusive(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        folder, name = os.path.split(target)
        temporary = os.path.join(folder, b".reframe-" + hashlib.sha256(name).hexdigest()[:16].encode() + b".part")
        try:
            copied = copy_synced(source, temporary)
            if copied != hash_file(source):
                raise OSError(errno.EIO, "the copy differs from the original", os.fsdecode(target)) from None
            rename_exclusive(temporary, target)
        except BaseException:
            remove_if_there(temporary)
            raise
        fsync_folder(folder)
        os.unlink(source)
    fsync_folder(os.path.dirname(target))
    fsync_folder(os.path.dirname(source))


def copy_synced(source: bytes, target: bytes) -> str:
    """Copy bytes and times into `target`, one of our temporary names, and sync it; the SHA-256 of the content, in hex.

    What an earlier try left under that name goes first; what somebody else puts there meanwhile is never written into.
    """
    digest = hashlib.sha256()
    remove_if_there(target)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with open(source, "rb") as reader, os.fdopen(os.open(target, flags, 0o666), "wb") as writer:
        while chunk := reader.read(_COPY_BYTES):
            digest.update(chunk)
            writer.write(chunk)
        status = os.fstat(reader.fileno())
        writer.flush()
        os.utime(writer.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))
        os.fsync(writer.fileno())
    return digest.hexdigest()


def hash_file(path: str | bytes) -> str:
    """The SHA-256 of a regular file, in hex. Never follows a link. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", os.fsdecode(path))
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove_if_there(path: str | bytes) -> None:
    """Remove one of our own temporary files, if it is there."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
