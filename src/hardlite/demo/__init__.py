"""The subject of ``hardlite demo``: real flights into SQLite while others keep writing.

`schema` has the tables, `data` their rows, `foreground` the other writers, `loading` the two ways
to load a table, `sides` what is played with each; `run` is the story, `telling` its words.
"""
