"""Who holds a lock on a database, without ever opening it.

Read it in the order of the data: `target` (which file), `kernel_locks` (the kernel's table),
`probe` (what the table does not show), `observation` (the locks of one database), `sqlite_locks`
(what its bytes mean), `processes` (who that is), `own_process` (which of our threads), `looking`
(put together), `report` (the result).
"""

from hardlite.lock_holders.looking import holders, look_at
from hardlite.lock_holders.report import LockHolders, LockHoldersDict

__all__ = ["LockHolders", "LockHoldersDict", "holders", "look_at"]
