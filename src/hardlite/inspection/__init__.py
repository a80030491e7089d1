"""Looking at a database file that others may be using, without changing anything.

`headers` (the first bytes of its files, read by a process of its own), `reading` (which way to
open it leaves no trace, and doing so), `counting` and `schema` (what is in it), `sizes` (the files).
"""
