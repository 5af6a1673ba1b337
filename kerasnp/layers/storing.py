"""What a layer puts into files and takes from them, which a layer of one's own may change."""

from kerasnp import backend as K


class Stored:
    """The part of `Layer` that files of weights see: two hooks, called for every layer of a model."""

    def save_own_variables(self, store):
        """Put what a file shall hold for this layer, without the layers inside, into `store`; override it together with
        `load_own_variables` to keep something else.

        >>> import kerasnp
        >>> layer = kerasnp.layers.Dense(3)
        >>> layer.build((None, 2))
        >>> store = {}
        >>> layer.save_own_variables(store)
        >>> {name: value.shape for name, value in store.items()}
        {'0': (2, 3), '1': (3,)}

        Args:
            store: a dictionary; its values are Variables, arrays or numbers, its keys their names in the file.
        """
        for i, variable in enumerate(self._own_weights()):
            store[str(i)] = variable

    def load_own_variables(self, store):
        """Take from `store` what `save_own_variables` put there; nothing changes unless all of it fits.

        >>> import kerasnp
        >>> layer = kerasnp.layers.Dense(1)
        >>> layer.build((None, 2))
        >>> layer.load_own_variables({"0": [[1.0], [2.0]], "1": [0.5]})
        >>> layer([[1.0, 1.0]])
        array([[3.5]], dtype=float32)

        Args:
            store: what a file holds for this layer, by name: a dictionary, or what reads like one.

        Raises: ValueError for another number of variables, or another shape.
        """
        self._take(self._own_weights(), store)

    def _take(self, own, store):
        """Give the weights in `own` the values "0", "1", ... of `store`."""
        if len(store) != len(own):
            remedy = "" if self.built else "; it is not built, so call layer.build(input_shape) or build_from_config() before"
            raise ValueError(
                f"{self._who}: expected {len(own)} variables, {[w.name for w in own]}, to load. Received: "
                f"{len(store)} variables, {list(store)}{remedy}"
            )
        missing = [str(i) for i in range(len(own)) if str(i) not in store]
        if missing:
            raise ValueError(f"{self._who}: expected variables by the names '0', '1', ... Received: {list(store)}")
        if hasattr(store, "read_into"):
            # Those of a file, straight into the memory of the weights.
            for i, variable in enumerate(own):
                store.read_into(str(i), variable)
            return
        arrays = [K.asarray(getattr(v, "value", v)) for v in (store[str(i)] for i in range(len(own)))]
        for variable, array in zip(own, arrays):
            if variable.shape != array.shape:
                raise ValueError(
                    f"{self._who}: the shapes of {variable.name!r} and of the value to load must match. Expected "
                    f"{variable.shape}. Received: {array.shape}"
                )
        for variable, array in zip(own, arrays):
            variable.assign(array)
