"""Everything a model remembers, as nested dictionaries by the paths of its variables."""

PARTS = ("trainable_variables", "non_trainable_variables", "optimizer_variables", "metrics_variables")


def variables_of(model, part):
    """The variables that make up a part of the tree."""
    if part == "optimizer_variables":
        return model.optimizer.variables if model.optimizer is not None else []
    return getattr(model, part)


def tree_of(variables, value_format):
    """The values of variables, nested by their paths.

    Raises: ValueError where two variables have one path, or for an unknown format.
    """
    if value_format not in ("backend_tensor", "numpy_array"):
        raise ValueError(
            "Invalid `value_format` argument: expected 'numpy_array' for copies or 'backend_tensor' for the arrays themselves. "
            f"Received: value_format={value_format!r}"
        )
    tree: dict = {}
    for variable in variables:
        *groups, name = variable.path.split("/")
        place = tree
        for group in groups:
            place = place.setdefault(group, {})
        if name in place:
            raise ValueError(
                f"The following variable path is found twice in the model: {variable.path!r}. A state tree needs paths that "
                "are unique: give the layers different names."
            )
        place[name] = variable.value if value_format == "backend_tensor" else variable.numpy()
    return tree


def assign(model, state_tree):
    """Set the variables that a tree names; nothing changes unless all of it fits.

    Raises: ValueError for a part or a path that the model does not have.
    """
    found = []
    for part, tree in state_tree.items():
        if part not in PARTS:
            raise ValueError(f"Unknown variable name: {part!r}. A state tree holds {', '.join(PARTS)}.")
        known = {v.path: v for v in variables_of(model, part)}
        for path, value in _flat(tree):
            if path not in known:
                raise ValueError(
                    f"set_state_tree: model '{model.name}' has no {part[:-1].replace('_', ' ')} of the path {path!r}. "
                    f"It has: {', '.join(known) or 'none'}."
                )
            found.append((known[path], value))
    before = [(variable, variable.numpy()) for variable, _ in found]
    try:
        for variable, value in found:
            variable.assign(value)
    except ValueError:
        for variable, value in before:
            variable.assign(value)
        raise


def _flat(tree, prefix=""):
    """(path, value) of every leaf."""
    for key, value in tree.items():
        path = f"{prefix}/{key}" if prefix else key
        if isinstance(value, dict):
            yield from _flat(value, path)
        else:
            yield path, value
