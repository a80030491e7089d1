"""The stages of the pipeline: what is found out about a document, section by section.

A stage is a plain function of a section and of what it has found so far. It knows nothing of tasks
or databases, and takes some milliseconds at the most for a section.
"""

import collections
import dataclasses
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

_SECTION: Final = 4_000
"""Characters of a section; a paragraph is not cut in two."""
_SHOWN: Final = 10
_WORD: Final = re.compile(r"[^\W\d_]{3,}")
_SENTENCE: Final = re.compile(r"[^.!?]+[.!?]")

Found = dict[str, Any]


class DamagedFileError(Exception):
    """The file is not what was uploaded."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One step of the pipeline.

    Attributes:
        name: what it is called.
        look: takes a section, what was found so far, and what the stages before found; returns
            what is found with it.
    """

    name: str
    look: Callable[[str, Found, Sequence[Found]], Found]


def read_sections(path: Path, sha256: str) -> list[str]:
    """Read a file and cut it into sections.

    Raises:
        DamagedFileError: the content is not what was uploaded.
    """
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise DamagedFileError(f"{path.name} has changed since it was uploaded")
    sections = [""]
    for paragraph in content.decode(errors="replace").split("\n\n"):
        if sections[-1] and len(sections[-1]) + len(paragraph) > _SECTION:
            sections.append("")
        sections[-1] += paragraph + "\n\n"
    return sections


def _measure(section: str, found: Found, _: Sequence[Found]) -> Found:
    return {
        "sections": found.get("sections", 0) + 1,
        "characters": found.get("characters", 0) + len(section),
        "lines": found.get("lines", 0) + section.count("\n"),
    }


def _count(section: str, found: Found, _: Sequence[Found]) -> Found:
    words = collections.Counter(found)
    words.update(word.lower() for word in _WORD.findall(section))
    return dict(words.most_common(1_000))


def _outline(section: str, found: Found, _: Sequence[Found]) -> Found:
    first = section.strip().partition("\n")[0][:80]
    return {"headings": [*found.get("headings", []), first][:_SHOWN]}


def _summarize(section: str, found: Found, before: Sequence[Found]) -> Found:
    counts: Mapping[str, int] = before[1]
    best = found.get("best", [])
    for sentence in _SENTENCE.findall(section):
        words = [word.lower() for word in _WORD.findall(sentence)]
        weight = sum(counts.get(word, 0) for word in words) / (len(words) + 5)
        best.append([round(weight, 3), " ".join(sentence.split())])
    return {"best": sorted(best, reverse=True)[:3]}


STAGES: Final = (
    Stage(name="measure", look=_measure),
    Stage(name="count", look=_count),
    Stage(name="outline", look=_outline),
    Stage(name="summarize", look=_summarize),
)
"""In the order in which a document goes through them."""
