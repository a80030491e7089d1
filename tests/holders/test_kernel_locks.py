"""Reading the kernel's table of locks."""

import os
from pathlib import Path

import pytest

from hardlite.lock_holders.kernel_locks import LockTable, parse, read_table, sees_all_processes

TABLE = """\
1: FLOCK  ADVISORY  WRITE 100 fe:00:77 0 EOF
1: -> FLOCK  ADVISORY  WRITE 101 fe:00:77 0 EOF
1:  -> FLOCK  ADVISORY  WRITE 102 fe:00:77 0 EOF
1:   -> FLOCK  ADVISORY  WRITE 0 fe:00:77 0 EOF
2: POSIX  ADVISORY  READ 100 fe:00:78 123 128
3: OFDLCK ADVISORY  WRITE -1 fe:00:78 120 120
4: LEASE  ACTIVE    READ  100 fe:00:77 0 EOF
4: -> LEASE  BREAKER   READ  103 fe:00:77 0 EOF
5: POSIX  ADVISORY  WRITE 104 00:1f:77 0 0
6: -> POSIX  ADVISORY  WRITE 105 00:1f:77 0 0
7: POSIX  ADVISORY  WRITE 106 <none>:0 0 0
"""


def stat_of(path: Path, *, device: tuple[int, int], inode: int) -> os.stat_result:
    """What stat() says of ``path``, with another device and inode."""
    fields = list(path.stat())
    fields[1], fields[2] = inode, os.makedev(*device)
    return os.stat_result(fields)


def table(*devices: tuple[int, int]) -> LockTable:
    return LockTable(locks=tuple(parse(TABLE.splitlines())), devices=frozenset(devices))


def test_locks_are_found_by_device_and_inode_with_their_waiters_in_order(tmp_path: Path) -> None:
    file = stat_of(tmp_path, device=(0xFE, 0), inode=77)

    (lock,) = table((0xFE, 0)).of(file)

    assert (lock.kind, lock.writes, lock.pid) == ("FLOCK", True, 100)
    assert lock.waiters == (101, 102, None)
    assert lock.covers(10**12)


def test_a_range_covers_its_bytes_and_a_lock_of_no_process_has_none(tmp_path: Path) -> None:
    file = stat_of(tmp_path, device=(0xFE, 0), inode=78)

    posix, of_file = table((0xFE, 0)).of(file)

    assert [posix.covers(byte) for byte in (122, 123, 128, 129)] == [False, True, True, False]
    assert (posix.writes, of_file.kind, of_file.pid) == (False, "OFDLCK", None)


def test_a_device_that_no_mount_has_is_left_out_of_the_comparison(tmp_path: Path) -> None:
    """As on btrfs and overlayfs, where stat() and the kernel's table name different devices."""
    file = stat_of(tmp_path, device=(0, 99), inode=78)

    assert len(table((0xFE, 0)).of(file)) == 2
    assert len(table((0xFE, 0), (0, 99)).of(file)) == 0


def test_a_system_without_the_table_has_none(tmp_path: Path) -> None:
    assert read_table(tmp_path) is None
    assert not sees_all_processes(tmp_path)


def test_a_table_without_a_list_of_mounts_is_matched_by_inode(tmp_path: Path) -> None:
    (tmp_path / "locks").write_text(TABLE, encoding="utf-8")

    found = read_table(tmp_path)

    assert found is not None
    assert len(found.of(stat_of(tmp_path, device=(0, 99), inode=78))) == 2


def test_the_devices_are_those_of_the_mounts(tmp_path: Path) -> None:
    (tmp_path / "locks").write_text(TABLE, encoding="utf-8")
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "mountinfo").write_text(
        "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n30 22 0:31 / /a\\040b rw - btrfs x rw\n",
        encoding="utf-8",
    )

    found = read_table(tmp_path)

    assert found is not None
    assert found.devices == {(254, 0), (0, 31)}


@pytest.mark.parametrize(("namespace", "all_of_them"), [(4026531836, True), (4026532500, False)])
def test_only_the_machines_own_namespace_shows_all_processes(
    tmp_path: Path, namespace: int, *, all_of_them: bool
) -> None:
    (tmp_path / "self" / "ns").mkdir(parents=True)
    (tmp_path / "self" / "ns" / "pid").symlink_to(f"pid:[{namespace}]")

    assert sees_all_processes(tmp_path) is all_of_them
