"""What `clear_session` brings back to its beginning: each module with such a state says how."""

_resets: list = []


def on_clear(reset):
    """Have `reset()` called by `clear_session`."""
    _resets.append(reset)


def clear():
    """Call everything that `on_clear` was given."""
    for reset in _resets:
        reset()
