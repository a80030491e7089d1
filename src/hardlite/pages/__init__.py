"""Reports as pages for a browser: one file each, with nothing to load and no script.

`text` makes strangers' text harmless, `charts` draws, `style` says how all looks, and `page` puts
it together.
"""

from hardlite.pages.page import ReasonLine, RejectionLine, Section, page

__all__ = ["ReasonLine", "RejectionLine", "Section", "page"]
