"""StatelessScope: other values for variables, for a while."""

import numpy as np

from kerasnp.autodiff.variable import Variable, scopes


class StatelessScope:
    """`with StatelessScope(mapping) as scope:` variables have other values, and what is assigned to them stays inside.

    >>> import kerasnp
    >>> w = kerasnp.Variable([1.0, 2.0])
    >>> with kerasnp.StatelessScope([(w, [5.0, 5.0])]) as scope:
    ...     y = w * 2
    ...     w.assign_add([1.0, 1.0]).tolist()
    [6.0, 6.0]
    >>> y, w.numpy(), scope.get_current_value(w)
    (array([10., 10.], dtype=float32), array([1., 2.], dtype=float32), array([6., 6.], dtype=float32))

    A variable shows its other value to every thread of the process while the scope is open. Optimizers and metrics change
    arrays in place, without assigning: they have methods of their own for this, `stateless_apply` and
    `stateless_update_state`.

    Args:
        state_mapping: pairs of a Variable and the value it has inside.
        collect_losses: whether `losses` of the scope lists what layers add by `add_loss` inside.
        initialize_variables: accepted; variables have values from the beginning.

    Raises: ValueError for a key that is no Variable, or a value of another shape.
    """

    # Whether what happens inside has happened before, so that nothing is to be noted twice.
    repeats = False

    def __init__(self, state_mapping=None, collect_losses=False, initialize_variables=True):
        self.collect_losses, self.initialize_variables = collect_losses, initialize_variables
        self.losses = []
        # By id: the variable, and its value inside, and while the scope is open the array that it had before.
        self._inside, self._outside = {}, {}
        for variable, value in state_mapping or ():
            self.add_update((variable, value))

    def add_update(self, update):
        """Give a variable a value inside the scope: `update` is the pair of both."""
        variable, value = update
        if not isinstance(variable, Variable):
            raise ValueError(
                f"StatelessScope: all keys in argument `mapping` must be Variable instances. Received: {variable!r}"
            )
        value = np.array(getattr(value, "value", value), variable.value.dtype)
        if value.shape != variable.shape:
            raise ValueError(
                "StatelessScope: all values in argument `mapping` must be tensors with the shape of their variable. "
                f"Variable {variable.path!r} has shape {variable.shape}. Received: value.shape={value.shape}"
            )
        self._inside[id(variable)] = variable, value
        if id(variable) in self._outside:
            variable.value = value
        elif any(scope is self for scope in scopes):
            self._swap(variable, value)

    def _swap(self, variable, value):
        self._outside[id(variable)] = variable.value
        variable.value = value

    def keep(self, variable):
        """Called before a value is assigned: give the variable an array that ends with the scope."""
        if id(variable) not in self._outside:
            self.add_update((variable, variable.value))

    def get_current_value(self, variable):
        """The value of a variable at the end of the scope, or by now; None if the scope never changed it."""
        return self._inside.get(id(variable), (None, None))[1]

    def add_loss(self, loss):
        """Note a loss among `losses`."""
        self.losses.append(loss)

    def __enter__(self):
        scopes.append(self)
        for variable, value in list(self._inside.values()):
            self._swap(variable, value)
        return self

    def __exit__(self, *_):
        scopes.remove(self)
        for key, before in self._outside.items():
            self._inside[key][0].value = before
        self._outside.clear()
