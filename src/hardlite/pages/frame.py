"""The frame of every page: one file with nothing to load and no script."""

from typing import Final

from hardlite.pages.style import STYLE
from hardlite.pages.text import escaped

__all__ = ["framed"]

# Should a text get through as markup after all, nothing that it names is run or loaded.
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"


def framed(title: str, body: str, *, made_by: str) -> str:
    """Return a page that needs nothing but itself.

    Args:
        title: its heading.
        body: what it tells, as markup.
        made_by: what stands at the end.
    """
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escaped(title)}</title><style>{STYLE}</style></head>\n"
        f"<body><header><h1>{escaped(title)}</h1></header>\n<main>{body}</main>\n"
        f"<footer>{escaped(made_by)}</footer></body></html>\n"
    )
