"""Argument checks. Each raises one sentence: who, what was expected, what was received, and what to do."""

import operator


def _named(who, name):
    return f"{who}: {name}" if who else name


def integer(name, value, who=None):
    """`value` as a Python int; numpy integers pass, bools and floats do not."""
    try:
        if isinstance(value, bool):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise ValueError(f"{_named(who, name)} must be an integer. Received: {name}={value!r}") from None


def positive_int(name, value, who=None):
    """`value` as an int greater than zero; numpy integers pass, bools and floats do not."""
    try:
        number = 0 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = 0
    if number <= 0:
        raise ValueError(f"{_named(who, f'`{name}`')} must be a positive integer. Received: {name}={value!r}")
    return number


def count(name, value, who=None):
    """`value`, the size of something to be made, as an int greater than zero."""
    try:
        return positive_int(name, value)
    except ValueError:
        raise ValueError(
            f"{_named(who, 'Invalid value for argument')} `{name}`. Expected a strictly positive value. "
            f"Received {name}={value!r}."
        ) from None


def fraction(name, value, who=None):
    """A number in [0, 1]."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= 1:
        raise ValueError(
            f"{_named(who, 'Invalid value received for argument')} `{name}`. Expected a float value between 0 and 1. "
            f"Received: {name}={value!r}"
        )
    return value


def one_of(name, value, choices, who=None):
    """`value`, which must be among `choices`; a string is compared in lower case."""
    value = value.lower() if isinstance(value, str) else value
    if value not in choices:
        expected = ", ".join(map(repr, choices))
        raise ValueError(f"{_named(who, name)} must be one of {expected}. Received: {name}={value!r}")
    return value


def int_tuple(name, value, length, who=None, minimum=1):
    """An int, or `length` of them, as a tuple of `length` ints of at least `minimum`."""
    if type(value) is tuple and len(value) == length and all([type(v) is int and v >= minimum for v in value]):
        return value
    try:
        values = (operator.index(value),) * length
    except TypeError:
        try:
            values = tuple(operator.index(v) for v in value)
        except TypeError:
            values = ()
    if len(values) != length or any(v < minimum for v in values):
        bad = {v for v in values if v < minimum}
        remedy = "; one integer, which counts for all, will do too"
        if bad:
            remedy = f", including values {bad} that do not satisfy `value {'> 0' if minimum == 1 else '>= 0'}`"
        raise ValueError(
            f"{_named(who, f'The `{name}` argument')} must be a tuple of {length} integers. "
            f"Received {name}={values if bad else value!r}{remedy}."
        )
    return values


def axis(value, ndim, who, name="axis"):
    """An axis of an array of `ndim` axes, counted from the front."""
    number = integer(name, value, who)
    if not -ndim <= number < ndim:
        raise ValueError(
            f"{who}: {name} {value} is out of bounds for an array of {ndim} axes; expected an integer in [{-ndim}, {ndim})."
        )
    return number % ndim


def shape(value, name="shape", who=None):
    """A tuple of ints or None from any spelling of a shape."""
    try:
        return tuple(None if d is None else operator.index(d) for d in ((value,) if isinstance(value, int) else value))
    except TypeError:
        raise ValueError(
            f"{_named(who, f'Invalid `{name}`')}: a shape is a tuple of integers or None. Received: {name}={value!r}"
        ) from None


def same_length(who, **sequences):
    """All of the named sequences have as many samples as the first."""
    lengths = {name: len(value) for name, value in sequences.items()}
    if len(set(lengths.values())) > 1:
        listing = ", ".join(f"{name} has {n}" for name, n in list(lengths.items())[:8])
        raise ValueError(f"{who}: all arrays must hold the same number of samples. Received: {listing}.")


def unset(who, **values):
    """Raise for arguments of Keras that have no meaning here, unless they are None."""
    for name, value in values.items():
        if value is not None:
            raise ValueError(f"{who}: `{name}` is not supported; leave it None. Received: {name}={value!r}")
