"""Locks on whole files that end with the process that has them, however it ends.

`flock` on Linux, macOS and BSD: it belongs to the open file, so closing another descriptor of the
file drops nothing, and the kernel wakes those who wait in the order in which they came (flock(2)).
On Windows LockFileEx, which also waits in the kernel; nobody has run that part yet.
"""

import sys

__all__ = ["lock", "try_lock", "unlock"]

if sys.platform == "win32":
    import ctypes
    import msvcrt
    from ctypes import wintypes

    _EXCLUSIVE, _AT_ONCE = 2, 1
    _LOCK_VIOLATION = 33
    _FAR = 0x4000_0000  # a byte behind everything that is written: Windows keeps readers out of it

    class _Overlapped(ctypes.Structure):
        _fields_ = (
            ("internal", ctypes.c_void_p),
            ("internal_high", ctypes.c_void_p),
            ("offset", wintypes.DWORD),
            ("offset_high", wintypes.DWORD),
            ("event", wintypes.HANDLE),
        )

    _kernel = ctypes.WinDLL("kernel32", use_last_error=True)

    def _lock_byte(descriptor: int, flags: int) -> bool:
        handle = wintypes.HANDLE(msvcrt.get_osfhandle(descriptor))
        place = ctypes.byref(_Overlapped(offset=_FAR))
        if _kernel.LockFileEx(handle, _EXCLUSIVE | flags, 0, 1, 0, place):
            return True
        code = ctypes.get_last_error()
        if code == _LOCK_VIOLATION:
            return False
        raise ctypes.WinError(code)

    def lock(descriptor: int) -> None:
        """Wait for the lock on the file."""
        _lock_byte(descriptor, 0)

    def try_lock(descriptor: int) -> bool:
        """Take the lock on the file if it is free; say whether it was."""
        return _lock_byte(descriptor, _AT_ONCE)

    def unlock(descriptor: int) -> None:
        """Give the lock on the file back; without one, do nothing."""
        handle = wintypes.HANDLE(msvcrt.get_osfhandle(descriptor))
        _kernel.UnlockFileEx(handle, 0, 1, 0, ctypes.byref(_Overlapped(offset=_FAR)))

else:
    import fcntl

    _NOW = fcntl.LOCK_EX | fcntl.LOCK_NB

    def lock(descriptor: int) -> None:
        """Wait for the lock on the file."""
        fcntl.flock(descriptor, fcntl.LOCK_EX)

    def try_lock(descriptor: int) -> bool:
        """Take the lock on the file if it is free; say whether it was."""
        try:
            fcntl.flock(descriptor, _NOW)
        except BlockingIOError:
            return False
        return True

    def unlock(descriptor: int) -> None:
        """Give the lock on the file back; without one, do nothing."""
        fcntl.flock(descriptor, fcntl.LOCK_UN)
