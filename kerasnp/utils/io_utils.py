"""Messages of callbacks and models: on the screen, or in Python's log."""

import sys

_interactive = True


def enable_interactive_logging():
    """Write messages to standard output, as at first.

    >>> enable_interactive_logging()
    >>> is_interactive_logging_enabled()
    True
    """
    global _interactive
    _interactive = True


def disable_interactive_logging():
    """Send messages to Python's `logging`, under the name `"kerasnp"`, instead of standard output.

    >>> disable_interactive_logging()
    >>> is_interactive_logging_enabled()
    False
    >>> enable_interactive_logging()
    """
    global _interactive
    _interactive = False


def is_interactive_logging_enabled():
    """Whether messages go to standard output.

    >>> is_interactive_logging_enabled()
    True
    """
    return _interactive


def print_msg(message, line_break=True):
    """Show a message to the user, on the screen or in the log.

    Characters that the screen's encoding lacks are replaced.

    >>> print_msg("epoch 1")
    epoch 1
    """
    if not _interactive:
        import logging  # here, for the sake of those who only import

        logging.getLogger("kerasnp").info(message)
        return
    if sys.stdout is None:  # a program without a console
        return
    text = f"{message}\n" if line_break else message
    try:
        sys.stdout.write(text)
    except UnicodeEncodeError:
        encoding = sys.stdout.encoding
        sys.stdout.write(text.encode(encoding, errors="replace").decode(encoding))
    sys.stdout.flush()


def set_logging_verbosity(level):
    """Set the level of the logger `"kerasnp"`: "FATAL", "ERROR", "WARNING", "INFO" or "DEBUG".

    >>> set_logging_verbosity("ERROR")
    >>> set_logging_verbosity("WARNING")  # what is shown at first

    Raises: ValueError for another level.
    """
    levels = ("FATAL", "ERROR", "WARNING", "INFO", "DEBUG")
    if level not in levels:
        raise ValueError(f"set_logging_verbosity: expected one of {', '.join(levels)}. Received: verbosity={level!r}")
    import logging

    logging.getLogger("kerasnp").setLevel(level)


def ask_to_proceed_with_overwrite(filepath):
    """Ask on the terminal whether a file may be replaced; True for y."""
    answer = ""
    while answer not in ("y", "n"):
        answer = input(f"[WARNING] {filepath} already exists - overwrite? [y/n] ").strip().lower()
    return answer == "y"
