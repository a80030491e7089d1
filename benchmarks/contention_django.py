"""Django for contention.py: `atomic()` with transaction_mode IMMEDIATE, which Django 5.1 brought."""

import importlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from contention_systems import (
    CHILDREN,
    PRAGMAS,
    TIMEOUT,
    Inside,
    Prepare,
    Teller,
    load_until_committed,
)

__all__ = ["Django"]


class Django:
    """Models in `atomic()` blocks; each thread has its own connection."""

    errors: tuple[type[Exception], ...]

    def __init__(self, path: Path, _: int) -> None:
        database = {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": path,
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": TIMEOUT,
                "init_command": ";".join(f"PRAGMA {key} = {PRAGMAS[key]}" for key in PRAGMAS),
            },
        }
        # Django's modules have no types, and are not there where Django is not.
        settings: Any = importlib.import_module("django.conf").settings
        settings.configure(DATABASES={"default": database})
        importlib.import_module("django").setup()
        self._db: Any = importlib.import_module("django.db")
        self.errors = (self._db.Error,)
        models = self._db.models
        self._counter = self._model("Counter", value=models.IntegerField())
        self._note = self._model("Note", worker=models.IntegerField())
        self._item = self._model("Item", number=models.IntegerField(), name=models.TextField())
        to_item = models.ForeignKey(self._item, models.CASCADE)
        self._child = self._model("Child", item=to_item, name=models.TextField())

    def connect(self, meet: Callable[[], object]) -> None:
        """Read the counter."""
        self._counter.objects.get(pk=1)
        meet()

    def write(self, worker: int, inside: Inside) -> None:
        """Write in an `atomic()` block."""
        with self._db.transaction.atomic():
            self._note.objects.create(worker=worker)
            inside()
            self._counter.objects.update(value=self._db.models.F("value") + 1)

    def load(self, number: int, items: Sequence[int], prepare: Prepare, told: Teller) -> None:
        """Import in one transaction, which is there before the first item is prepared."""

        def attempt() -> tuple[float, float]:
            asked = time.perf_counter()
            with self._db.transaction.atomic():
                began = time.perf_counter()
                for item in items:
                    name = prepare(item)
                    parent = self._item.objects.create(number=number, name=name)
                    self._child.objects.bulk_create(
                        self._child(item=parent, name=f"{name}.{child}")
                        for child in range(CHILDREN)
                    )
            return began - asked, time.perf_counter() - began

        load_until_committed(attempt, self.errors, told)

    def close(self) -> None:
        """Close the connection of the thread that asks; those of others went with them."""
        self._db.connections.close_all()

    def _model(self, name: str, /, **fields: object) -> Any:  # noqa: ANN401 - a model of Django
        meta = type("Meta", (), {"app_label": "contention", "db_table": name.lower()})
        body = {**fields, "Meta": meta, "__module__": __name__}
        return type(name, (self._db.models.Model,), body)
