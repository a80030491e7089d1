"""What kind of file system a database lives on.

WAL needs memory shared between the processes and locks that work, which network file systems do
not have (sqlite.org, "Write-Ahead Logging", and "SQLite Over a Network").
"""

import functools
import os
import pathlib
import re

__all__ = ["filesystem_type", "is_network"]

_MOUNTS = pathlib.Path("/proc/self/mountinfo")
_NETWORK = {
    "9p",
    "afs",
    "ceph",
    "cifs",
    "drvfs",
    "fuse.glusterfs",
    "fuse.s3fs",
    "fuse.sshfs",
    "glusterfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "prl_fs",
    "smb3",
    "smbfs",
    "vboxsf",
    "virtiofs",
}
_ESCAPE = re.compile(r"\\([0-7]{3})")


def filesystem_type(path: str, mounts: pathlib.Path = _MOUNTS) -> str | None:
    """Return the type of the file system that ``path`` is on, such as ``"ext4"``.

    Args:
        path: an absolute path.
        mounts: the kernel's list of mounts (Linux, proc(5), "mountinfo").

    Returns:
        None where the system has no such list.
    """
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    best, found = "", None
    for line in lines:
        before, _, after = line.partition(" - ")
        point = _ESCAPE.sub(lambda match: chr(int(match[1], 8)), before.split()[4])
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, found = point, after.split()[0]
    return found


@functools.lru_cache(maxsize=256)
def is_network(path: str, mounts: pathlib.Path = _MOUNTS) -> bool:
    """Say whether ``path`` is on a file system that is known to be a network's.

    The answer is remembered: it is asked for with each connection and costs reading all mounts.

    Args:
        path: any path; links in it are followed.
        mounts: the kernel's list of mounts.
    """
    return filesystem_type(os.path.realpath(path), mounts) in _NETWORK
