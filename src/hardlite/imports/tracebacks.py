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
            callers = traceback.walk_stack(error.__traceback__.tb_frame.f_back)
            traceback.clear_frames(error.__traceback__)
            for frame, _ in callers:
                with contextlib.suppress(RuntimeError):
                    frame.clear()
        error = error.__cause__ or error.__context__
