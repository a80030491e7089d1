"""The page of plots that contention.py writes: one file, no script, light or dark as the reader is.

A picture of it is taken by a Chromium, where there is one.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from html import escape
from pathlib import Path

from contention_figures import Outcome
from contention_scenes import Scene
from contention_svg import fairness_bars, wait_curves
from contention_systems import SYSTEMS

__all__ = ["browser", "page", "save"]

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_ABOVE, _SCENE = 360, 415
"""Pixels of the page that the head and each scene take, at most, in a window this wide:"""
_WIDE = 1280

_READING = (
    "Left: the waits of all units of work, in order; the further right a curve stays low, the "
    "fewer have to wait long. Right: whether the workers got to write equally often."
)

# Colours that can be told apart without red and green, and curves that can be without colours.
_STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1c2330; --soft: #5b6575; --line: #dfe3e9;
  --plain: #7b7f87; --recipe: #c2500a; --peewee: #8250b8; --django: #0d7f5f; --hardlite: #0b5fd0;
  --on-bar: #fff; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181f; --ink: #e6e9ef; --soft: #a3acba;
  --line: #303845; --plain: #9aa1ad; --recipe: #ff9a52; --peewee: #c9a2f2; --django: #4fcfa4;
  --hardlite: #66aaff; --on-bar: #10141a; --bad: #ff8a80; } }
body { background: var(--paper); color: var(--ink); font: 15px/1.45 system-ui, sans-serif;
  max-width: 1240px; margin: 24px auto; padding: 0 20px; }
h1 { font-size: 24px; margin: 0 0 8px; } h2 { font-size: 17px; margin: 0; }
p { margin: 4px 0; color: var(--soft); }
pre { font: 12px/1.5 ui-monospace, monospace; color: var(--soft); white-space: pre-wrap; }
section { border-top: 1px solid var(--line); padding: 16px 0; }
.plots { display: flex; flex-wrap: wrap; gap: 12px 24px; align-items: center; }
.plots > :first-child { flex: 3 1 560px; min-width: 0; }
.plots > :last-child { flex: 2 1 380px; min-width: 0; max-width: 520px; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 22px; padding: 0; margin: 12px 0; }
.legend li { display: flex; align-items: center; gap: 8px; } .legend svg { width: 38px; }
svg { width: 100%; height: auto; display: block; }
svg text { font: 12px system-ui, sans-serif; fill: var(--soft); }
svg .grid { stroke: var(--line); stroke-width: 1; }
svg polyline { fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round; }
svg circle, svg rect, svg text[class] { fill: currentColor; }
svg text.on-bar { fill: var(--on-bar); } svg text.bad { fill: var(--bad); font-weight: 700; }
svg g.hardlite polyline { stroke-width: 3.5; } svg text.hardlite { font-weight: 700; }
g.plain polyline { stroke-dasharray: 2 4; } g.peewee polyline { stroke-dasharray: 9 4; }
g.django polyline { stroke-dasharray: 9 3 2 3; }
"""


def page(
    scenes: Mapping[str, Scene], results: Mapping[str, Mapping[str, Outcome]], explanation: str
) -> str:
    """Draw all scenes on one page.

    Args:
        scenes: the scenes by name.
        results: what each system came to in each scene.
        explanation: the lines that say what was measured, and on what.
    """
    colours = "\n".join(f".{name} {{ color: var(--{name}); }}" for name in SYSTEMS)
    names = {name: None for outcomes in results.values() for name in outcomes}
    sections = (_section(scene, results[name]) for name, scene in scenes.items())
    return "\n".join((
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>Who waits how long to write</title>\n<style>{_STYLE}{colours}</style>\n</head>",
        "<body>\n<h1>Who waits how long to write</h1>",
        f"<p>{_READING}</p>",
        f'<ul class="legend">{"".join(map(_key, names))}</ul>',
        f"<pre>{escape(explanation)}</pre>",
        *sections,
        "</body>\n</html>\n",
    ))  # fmt: skip


def _key(name: str) -> str:
    line = '<svg viewBox="0 0 38 12"><g class="{}"><polyline points="1,6 37,6"/></g></svg>'
    return f"<li>{line.format(name)}{escape(SYSTEMS[name].title)}</li>"


def _section(scene: Scene, outcomes: Mapping[str, Outcome]) -> str:
    group = scene.groups[0].name
    systems = {name: outcome[group] for name, outcome in outcomes.items()}
    return (
        f"<section>\n<h2>{escape(scene.title)}</h2>\n<p>Group: {escape(group)}</p>\n"
        f'<div class="plots">\n<div>{wait_curves(group, systems)}</div>\n'
        f"<div>{fairness_bars(group, systems)}</div>\n</div>\n</section>"
    )


def browser() -> str | None:
    """Find a Chromium that can take a picture of the page."""
    return next((found for name in _BROWSERS if (found := shutil.which(name))), None)


def save(content: str, path: Path, *, scenes: int) -> None:
    """Write the page, or a picture of it where ``path`` ends in ``.png``."""
    if path.suffix != ".png":
        path.write_text(content, encoding="utf-8")
        return
    program = browser()
    assert program is not None, "asked for before the first scene"
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "page.html")
        source.write_text(content, encoding="utf-8")
        # Chromium has no sandbox for root.
        as_root = ["--no-sandbox"] if getattr(os, "geteuid", lambda: 1)() == 0 else []
        subprocess.run(
            [
                program, "--headless", "--disable-gpu", "--no-first-run", "--hide-scrollbars",
                "--disable-background-networking", f"--user-data-dir={Path(folder, 'profile')}",
                *as_root, f"--window-size={_WIDE},{_ABOVE + _SCENE * scenes}",
                f"--screenshot={path.resolve()}", source.as_uri(),
            ],
            check=True, capture_output=True,
        )  # fmt: skip
