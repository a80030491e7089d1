"""JSON as its standard has it: NaN and Infinity, which Python's json lets through, are errors."""

import json
from typing import NoReturn

__all__ = ["decode_json"]


def decode_json(text: str) -> object:
    """Return the value that ``text`` stands for.

    Raises:
        ValueError: it is not JSON, or nested too deep to be read.

    >>> decode_json('{"n": 1}')
    {'n': 1}
    """
    try:
        return _decode(text)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON value")


_decode = json.JSONDecoder(parse_constant=_refuse).decode
