"""How Sphinx builds the pages; every warning is an error in the `docs` environment of tox."""

from importlib.metadata import version as version_of

project = "hardlite"
author = "The hardlite authors"
copyright = f"2026, {author}"
release = version = version_of("hardlite")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]

nitpicky = True
# Other projects' objects are named, not linked: the build needs no network.
# A type variable of ours has no page.
nitpick_ignore_regex = [("py:.*", r"(?!hardlite).*"), ("py:class", r"hardlite\..*\.[PT]")]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4

autodoc_typehints = "description"
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = f"hardlite {release}"
html_copy_source = False
