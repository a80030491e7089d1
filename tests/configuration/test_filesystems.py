"""Which file system a path is on, read from the kernel's list of mounts."""

import sys
from pathlib import Path

import pytest

from hardlite.filesystems import filesystem_type, is_network

MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:50 / /srv rw - nfs4 server:/export rw
24 23 0:51 / /srv/local rw - xfs /dev/sdb1 rw
25 22 0:52 / /mnt/two\\040words rw shared:5 master:6 - cifs //server/share rw
26 22 0:53 / /mnt/back\\134slash rw - 9p drive rw
27 22 0:54 / /over rw - ext4 /dev/sdc1 rw
28 22 0:55 / /over rw - fuse.sshfs me@server: rw
29 22 0:56 / /größe rw - tmpfs tmpfs rw
"""


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    """A list of mounts as Linux writes it."""
    path = tmp_path / "mountinfo"
    path.write_text(MOUNTS, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/app.db", "ext4"),
        ("/srv", "nfs4"),
        ("/srv/app.db", "nfs4"),
        ("/srv2/app.db", "ext4"),
        ("/srv/local/app.db", "xfs"),
        ("/srv/locally/app.db", "nfs4"),
        ("/mnt/two words/app.db", "cifs"),
        ("/mnt/back\\slash/app.db", "9p"),
        ("/größe/app.db", "tmpfs"),
    ],
)
def test_the_longest_mount_point_above_a_path_decides(
    mounts: Path, path: str, expected: str
) -> None:
    assert filesystem_type(path, mounts) == expected


def test_what_is_mounted_over_another_hides_it(mounts: Path) -> None:
    assert filesystem_type("/over/app.db", mounts) == "fuse.sshfs"


def test_a_system_without_the_list_says_nothing(tmp_path: Path) -> None:
    missing = tmp_path / "none"

    assert filesystem_type("/app.db", missing) is None
    assert is_network("/app.db", missing) is False


def test_a_path_under_no_mount_has_no_type(tmp_path: Path) -> None:
    """As in a chroot, where the list may lack the root."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text("23 22 0:50 / /srv rw - nfs4 server:/export rw\n", encoding="utf-8")

    assert filesystem_type("/app.db", mounts) is None


def test_a_link_to_a_network_disk_is_on_the_network(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    link = tmp_path / "link"
    link.symlink_to(disk)
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        f"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n23 22 0:50 / {disk.resolve()} rw - smb3 x rw\n",
        encoding="utf-8",
    )

    assert is_network(str(link / "app.db"), mounts)
    assert not is_network(str(tmp_path / "app.db"), mounts)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the list")
def test_the_kernels_own_list_is_read() -> None:
    assert filesystem_type("/proc/self/stat") == "proc"
    assert not is_network("/proc/self/stat")
