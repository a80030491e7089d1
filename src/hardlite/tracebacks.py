"""What a kept exception keeps in memory."""

import contextlib
import traceback

__all__ = ["release_frames"]


def release_frames(error: BaseException | None) -> None:
    """Empty the frames behind ``error`` and its causes; what a traceback prints stays.

    A traceback holds its frames, these hold their callers, and all hold their local variables: an
    error that a report keeps would keep every item of its batch. Frames that still run are left
    alone.
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if error.__traceback__ is not None:
            frame = error.__traceback__.tb_frame.f_back
            traceback.clear_frames(error.__traceback__)
            with contextlib.suppress(RuntimeError):
                while frame is not None:
                    frame.clear()
                    frame = frame.f_back
        error = error.__cause__ or error.__context__
