"""Findings about the files: may they be used, by whom, and on what kind of disk."""

import os
import stat
from collections.abc import Iterator
from pathlib import PurePath
from typing import Final

from hardlite.doctor.facts import Facts
from hardlite.doctor.finding import Finding, Severity
from hardlite.readable import byte_count

__all__ = ["access_findings"]

_HEADROOM: Final = 64 * 1024 * 1024
_SYNCED: Final = frozenset(
    {"dropbox", "onedrive", "google drive", "googledrive", "icloud drive", "mobile documents"}
)
_IN_MEMORY: Final = frozenset({"tmpfs", "ramfs"})


def access_findings(facts: Facts) -> Iterator[Finding]:
    """Judge the files, their rights and their place."""
    yield from _rights(facts)
    yield from _beside(facts)
    yield from _names(facts)
    yield from _place(facts)
    yield from _room(facts)


def _rights(facts: Facts) -> Iterator[Finding]:
    folder = os.path.dirname(facts.file)  # noqa: PTH120 - of a text
    if not facts.may_write_file:
        yield Finding(
            name="file-read-only",
            severity=Severity.HIGH,
            category="Access",
            location=facts.file,
            problem="This user may not write to the database file. Every write fails with "
            "'attempt to write a readonly database'.",
            impact="All writes of programs that run as this user fail.",
            confidence="High",
            verify=f"ls -l {facts.shell}",
            fix=f"If it is meant to be written: chmod u+w {facts.shell}, or chown it to the user "
            "that the program runs as. If not, open it with ?mode=ro.",
            trade_off="None, if that user is meant to write.",
        )
    if not facts.may_write_directory:
        yield Finding(
            name="directory-read-only",
            severity=Severity.HIGH,
            category="Access",
            location=folder,
            problem="This user may not make files in the directory. SQLite makes its journal or "
            "its -wal and -shm files there, and cannot write without them.",
            impact="Writes fail, and with WAL reads fail too while nobody else has it open.",
            confidence="High",
            verify=f"ls -ld {folder}",
            fix=f"chmod u+w {folder}, or move the database into a directory of its own that the "
            "program's user owns.",
            trade_off="That user can make other files there as well.",
        )
    if facts.files[""].st_mode & stat.S_IWOTH:
        yield Finding(
            name="world-writable",
            severity=Severity.MEDIUM,
            category="Access",
            location=facts.file,
            problem="Every user of this machine may write to the database file, past SQLite and "
            "past the program.",
            impact="Any program can change or damage it, and any user can lock it for ever.",
            confidence="Medium",
            verify=f"ls -l {facts.shell}",
            fix=f"chmod o-w {facts.shell}; let users who share it share a group.",
            trade_off="Users outside of that group lose access.",
        )


def _beside(facts: Facts) -> Iterator[Finding]:
    database = facts.files[""]
    for suffix in ("-wal", "-shm", "-journal"):
        found = facts.files.get(suffix)
        if found is None:
            continue
        lacking = stat.S_IMODE(database.st_mode) & 0o222 & ~stat.S_IMODE(found.st_mode)
        foreign = found.st_uid != database.st_uid and not found.st_mode & 0o022
        if lacking or foreign:
            yield Finding(
                name="rights-differ",
                severity=Severity.HIGH,
                category="Access",
                location=f"{facts.file}{suffix}",
                problem="Somebody who may write to the database may not write to this file beside "
                "it. It was made while the database had other rights, or by another user such "
                "as root.",
                impact="Programs of that user fail with 'attempt to write a readonly database' or "
                "'unable to open database file', though the database itself looks right.",
                confidence="High",
                verify=f"ls -l {facts.shell}*",
                fix="Stop the programs that use it, then give the file the owner and the rights "
                f"of the database: chown --reference={facts.shell} {facts.shell}{suffix} and "
                f"chmod --reference={facts.shell} {facts.shell}{suffix}. Do not delete it.",
                trade_off="A short stop.",
            )
    for suffix in ("-gate", "-gateq"):
        found = facts.files.get(suffix)
        if found is not None and not stat.S_ISREG(found.st_mode):
            yield _no_turns(facts, f"{facts.shell}{suffix} is not a file")
    if facts.engine is not None and facts.engine.trouble is not None:
        yield _no_turns(facts, str(facts.engine.trouble))


def _no_turns(facts: Facts, reason: str) -> Finding:
    return Finding(
        name="no-turns-between-processes",
        severity=Severity.HIGH,
        category="Write Contention",
        location=f"{facts.file}-gate",
        problem="The two files by which processes take turns cannot be used, so their writers are "
        f"not ordered: {reason}.",
        impact="With several writing processes some wait for seconds while others write often; "
        "data is safe, as SQLite's own lock still keeps them apart.",
        confidence="High",
        verify=f"ls -ld {facts.shell}-gate {facts.shell}-gateq",
        fix="Remove what stands in the way, or give the programs' users the right to read these "
        "files; hardlite makes them anew.",
        trade_off="None.",
    )


def _names(facts: Facts) -> Iterator[Finding]:
    links = facts.files[""].st_nlink
    if links > 1:
        yield Finding(
            name="hard-links",
            severity=Severity.CRITICAL,
            category="Access",
            location=facts.file,
            problem=f"The file has {links} names (hard links). A program that opens it by another "
            "one looks for another -wal and another journal.",
            impact="Commits are lost or the file is damaged when two names are in use "
            "(sqlite.org, 'How To Corrupt An SQLite Database File', section 2.5).",
            confidence="High",
            verify=f"find / -xdev -samefile {facts.shell}",
            fix="Remove the other names, or make them symbolic links.",
            trade_off="None.",
        )
    for holder, name in facts.open_files.of_deleted:
        yield Finding(
            name="deleted-while-open",
            severity=Severity.CRITICAL,
            category="Access",
            location=str(holder),
            problem=f"This process has {name} open, but that file was deleted, moved or replaced.",
            impact="What it commits from now on goes into a file that nobody will ever find, and "
            "SQLite reports success.",
            confidence="High",
            verify=f"ls -l /proc/{holder.pid}/fd | grep deleted",
            fix="Restart that process. Then find who replaces the files: a deployment, a restore, "
            "a clean-up or a sync program. Hardened engines notice it and raise an error.",
            trade_off="What it committed since then is lost; copy it out of "
            f"/proc/{holder.pid}/fd first if it matters.",
        )


def _place(facts: Facts) -> Iterator[Finding]:
    if facts.on_network:
        yield Finding(
            name="network-filesystem",
            severity=Severity.CRITICAL,
            category="Access",
            location=facts.file,
            problem=f"The file is on a network file system ({facts.filesystem}). WAL needs memory "
            "that the processes share, and the locks of such file systems are often not kept.",
            impact="With writers on two machines, commits are lost or the file is damaged.",
            confidence="High",
            verify=f"stat -f -c %T {facts.shell}",
            fix="Move it to a local disk of the one machine that writes it.",
            trade_off="Other machines must ask that one, or a database server, for the data.",
        )
    if facts.filesystem in _IN_MEMORY:
        yield Finding(
            name="in-memory-filesystem",
            severity=Severity.MONITOR,
            category="Access",
            location=facts.file,
            problem=f"The file is on a file system in memory ({facts.filesystem}): it is gone when "
            "the machine restarts.",
            impact="All data is lost at a restart.",
            confidence="High",
            verify=f"stat -f -c %T {facts.shell}",
            fix="Move it to a disk, unless it is meant to be temporary.",
            trade_off="Commits on a disk take longer.",
        )
    synced = [part for part in PurePath(facts.file).parts if part.lower() in _SYNCED]
    if synced:
        yield Finding(
            name="synced-folder",
            severity=Severity.HIGH,
            category="Access",
            location=facts.file,
            problem=f"The file is in a folder named {synced[0]!r}, as sync programs have. They copy "
            "a database while it is written, each of its files at another moment, and may "
            "replace it with an older or another machine's copy.",
            impact="Copies are damaged, and commits are lost when a file is replaced.",
            confidence="Medium",
            verify="Look whether a sync program runs for that folder.",
            fix="Keep the database outside of it, and put backups of it there.",
            trade_off="What is synced is then as old as the last backup.",
        )


def _room(facts: Facts) -> Iterator[Finding]:
    need = _HEADROOM + facts.size("-wal")
    if facts.free < need:
        yield Finding(
            name="disk-nearly-full",
            severity=Severity.HIGH,
            category="Access",
            location=os.path.dirname(facts.file),  # noqa: PTH120 - of a text
            problem=f"The disk has {byte_count(facts.free)} left; a checkpoint may need as much as "
            f"the WAL has ({byte_count(facts.size('-wal'))}), and a transaction some more.",
            impact="Writes fail with 'database or disk is full'; then not even a checkpoint can "
            "make the WAL smaller.",
            confidence="High",
            verify=f"df -h {facts.shell}",
            fix="Free some space on that disk, but nothing that begins with the database's name.",
            trade_off="None.",
        )
