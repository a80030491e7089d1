"""Documents: an application that takes uploads, works on them in stages, and shows how far it is.

It runs in several processes on one SQLite file. README.md says how to start it, and which module
has which subject.
"""
