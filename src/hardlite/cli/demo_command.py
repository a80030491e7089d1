"""``hardlite demo``."""


def demo_command() -> None:
    """Show it."""
