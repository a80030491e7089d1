"""`--report`: what became of an import, as JSON."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

Write = Callable[[str, str | bytes], Path]
Command = Callable[..., Any]
Sql = Callable[[str], list[tuple[object, ...]]]


def test_the_report_says_what_was_imported_how_and_what_was_not(
    hardlite: Command, write: Write, db_path: Path, tmp_path: Path
) -> None:
    paths = write("a.csv", "n\n1\n2\n"), write("b.csv", 'n\n"1\n"\n\nx\n')

    ran = hardlite(
        "import", *paths, db_path, "--create", "--table", "t", "--report", tmp_path / "r.json"
    )

    report = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    first, second = report["imports"]
    assert ran.code == 1
    assert report["schema"] == "hardlite.cli-import/2"
    assert set(report["versions"]) == {"hardlite", "python", "sqlalchemy", "sqlite"}
    assert report["database"] == f"sqlite:///{db_path}"
    assert report["ok"] is False
    assert (first["source"], first["table"], first["ok"]) == (str(paths[0]), "t", True)
    assert (first["committed"], len(first["batches"])) == (2, 1)
    assert [(r["line"], r["position"]) for r in second["rejections"]] == [(5, 1)]
    assert (
        "line 5: column n (INTEGER) cannot hold the value 'x'" in second["rejections"][0]["reason"]
    )


def test_a_report_that_ends_in_html_is_a_page_with_a_section_for_each_source(
    hardlite: Command, write: Write, db_path: Path, tmp_path: Path
) -> None:
    paths = write("a.csv", "n\n1\n2\n"), write("b.csv", "n\n<b>\n")

    ran = hardlite(
        "import", *paths, db_path, "--create", "--table", "t", "--report", tmp_path / "r.HTML"
    )

    page = (tmp_path / "r.HTML").read_text(encoding="utf-8")
    assert ran.code == 1
    assert "<title>Import into app.db</title>" in page
    for path, committed in zip(paths, (2, 0), strict=True):
        section = page.partition(f"<h2>{path} → t</h2>")[2].partition("</section>")[0]
        assert f"<dt>committed</dt><dd>{committed}</dd>" in section
    assert "column n (INTEGER) cannot hold the value &#x27;&lt;b&gt;&#x27;" in section
    assert '<td role="cell" class="n" data-name="line">2</td>' in section
    assert '<td role="cell" class="names" data-name="column">n</td>' in section
    assert f"sqlite:///{db_path}. Made by hardlite" in page


def test_the_report_replaces_an_older_one_and_leaves_nothing_else_behind(
    hardlite: Command, write: Write, db_path: Path, tmp_path: Path
) -> None:
    report = write("r.json", "old")
    path = write("people.csv", "id\n1\n")

    assert hardlite("import", path, db_path, "--create", "--report", report).code == 0
    assert json.loads(report.read_text(encoding="utf-8"))["ok"] is True
    assert {file.name for file in tmp_path.iterdir()} >= {"r.json", "people.csv", "app.db"}
    assert not list(tmp_path.glob(".r.json*"))


def test_another_name_of_a_file_that_is_needed_is_refused_too(
    hardlite: Command, write: Write, db_path: Path, tmp_path: Path
) -> None:
    path = write("people.csv", "id\n1\n")
    os.link(path, tmp_path / "r.json")

    ran = hardlite("import", path, db_path, "--create", "--report", tmp_path / "r.json")

    assert (ran.code, path.read_text(encoding="utf-8")) == (2, "id\n1\n")
