"""The clients of the load test: threads that upload at the same time, and count what they are told."""

import concurrent.futures
import dataclasses
import http.client
import json
import threading
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from typing import Any, Final

from hardlite.clock import system_clock

_TEXT: Final = (
    "A document has paragraphs. Each of them says something about a subject, and some of it again.\n"
    "Whoever reads it wants to know what it is about. A summary helps.\n\n"
) * 60
_TIMEOUT: Final = 60.0
_TRIES: Final = 5


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one upload came to.

    Attributes:
        id: of the document; None if it was not taken in.
        status: the last answer's; 0 if there was none.
        seconds: from the first try to the answer.
    """

    id: int | None
    status: int
    seconds: float


def upload_all(
    url: str, *, clients: int, each: int, told: Callable[[Answer], object] = lambda _: None
) -> list[Answer]:
    """Let some clients upload at once, each one document after the other.

    Args:
        url: of the application.
        clients: how many.
        each: how many documents each of them has.
        told: is called with every answer.
    """
    together = threading.Barrier(clients)

    def send_some(client: int) -> list[Answer]:
        together.wait(_TIMEOUT)
        answers = []
        for number in range(each):
            answers.append(_upload(url, f"document {client}-{number}"))
            told(answers[-1])
        return answers

    with concurrent.futures.ThreadPoolExecutor(clients) as threads:
        return [answer for some in threads.map(send_some, range(clients)) for answer in some]


def asked(url: str) -> Any:  # noqa: ANN401 - whatever is in the JSON
    """Return the answer to a GET; None if there was none, or an error."""
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer:  # noqa: S310 - loopback
            return json.load(answer)
    except (OSError, http.client.HTTPException):
        return None


def _upload(url: str, name: str) -> Answer:
    """Send it, and once more under its key if the connection broke: the client cannot know."""
    key, began = uuid.uuid4().hex, system_clock.now()
    status, found = 0, None
    for _ in range(_TRIES):
        try:
            status, found = _send(url, name, key)
        except (OSError, http.client.HTTPException):
            continue
        break
    return Answer(id=found, status=status, seconds=system_clock.now() - began)


def _send(url: str, name: str, key: str) -> tuple[int, int | None]:
    request = urllib.request.Request(  # noqa: S310 - loopback
        f"{url}/documents?name={name.replace(' ', '%20')}",
        data=f"{name}\n\n{_TEXT}".encode(),
        headers={"Idempotency-Key": key, "Content-Type": "text/plain"},
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310
            return answer.status, json.load(answer)["id"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, None
