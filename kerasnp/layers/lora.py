"""LoRA: fine-tune a frozen kernel through a low-rank product that is added to it."""

from kerasnp import initializers, ops
from kerasnp.autodiff.tape import stop_recording
from kerasnp.autodiff.variable import Variable
from kerasnp.saving import loading
from kerasnp.utils import check


class Adaptable:
    """What layers with a large kernel share: `enable_lora`.

    The kernel W is frozen, and the layer computes with W + (alpha / rank) * A @ B, of which A (..., rank) and
    B (rank, outputs) are trained (Hu et al., 2021, LoRA: Low-Rank Adaptation of Large Language Models). Until then the
    kernel is a plain attribute; afterwards the class's `Adapted` answers in its place.
    """

    # The attribute that is adapted.
    _adapted = "kernel"
    lora_enabled = False

    def _set_lora(self, rank, alpha):
        self.lora_rank = check.positive_int("lora_rank", rank, self._who) if rank else None
        self.lora_alpha = self.lora_rank if alpha is None else alpha

    def _enable_lora_if_asked(self):
        if self.lora_rank and not self.lora_enabled:
            self.enable_lora(self.lora_rank, self.lora_alpha)

    def enable_lora(self, rank, lora_alpha=None, a_initializer="he_uniform", b_initializer="zeros"):
        """Freeze the kernel, and train what is added to it instead, a product of two small matrices.

        >>> import kerasnp
        >>> layer = kerasnp.layers.Dense(64)
        >>> layer.build((None, 32))
        >>> layer.enable_lora(rank=4)
        >>> [(w.name, w.shape) for w in layer.trainable_weights]
        [('bias', (64,)), ('lora_kernel_a', (32, 4)), ('lora_kernel_b', (4, 64))]

        A model that is compiled has to be compiled again, since its optimizer knows the old weights. Files hold the sum;
        it becomes the frozen kernel of the layer that loads them, to which nothing is added at first.

        Args:
            rank: the number of columns of A and of rows of B.
            lora_alpha: the product is multiplied by `lora_alpha / rank`; default `rank`.
            a_initializer, b_initializer: first values of A and B.

        Raises: ValueError for a layer that is not built, is adapted already or has a constraint on its kernel, and for a
        rank that is no positive integer.
        """
        name = self._adapted
        rank = check.positive_int("rank", rank, self._who)
        if getattr(self, f"{name}_constraint") is not None:
            raise ValueError(
                f"{self._who}: LoRA is incompatible with {name.removesuffix('s')} constraints, since no single weight "
                f"holds the sum. Received: {name}_constraint={getattr(self, f'{name}_constraint')!r}; leave it None."
            )
        if not self.built and name not in vars(self):
            raise ValueError(
                f"{self._who}: Cannot enable lora on a layer that isn't yet built; call it, or build(input_shape), before."
            )
        if self.lora_enabled:
            raise ValueError(f"{self._who}: lora is already enabled, with rank={self.lora_rank}; it can be done once.")
        kernel, regularizer = getattr(self, name), getattr(self, f"{name}_regularizer")
        a_initializer, b_initializer = initializers.get(a_initializer), initializers.get(b_initializer)
        with loading.loading(None):  # no file holds these two
            a = self.add_weight(
                (*kernel.shape[:-1], rank), a_initializer, "float32", regularizer=regularizer, name=f"lora_{name}_a"
            )
            b = self.add_weight(
                (rank, kernel.shape[-1]), b_initializer, "float32", regularizer=regularizer, name=f"lora_{name}_b"
            )
        setattr(self, f"lora_{name}_a", a)
        setattr(self, f"lora_{name}_b", b)
        kernel.trainable = False
        setattr(self, f"_{name}", vars(self).pop(name))
        self.lora_enabled, self.lora_rank = True, rank
        self.lora_alpha = rank if lora_alpha is None else lora_alpha

    def _lora_parts(self):
        """The frozen kernel, A, B and what their product is multiplied by."""
        name = self._adapted
        kernel, a, b = (getattr(self, n) for n in (f"_{name}", f"lora_{name}_a", f"lora_{name}_b"))
        return kernel, a, b, self.lora_alpha / self.lora_rank

    def save_own_variables(self, store):
        """Put the weights into `store`: the sum in place of the frozen kernel, and neither A nor B."""
        own = self._own_weights()
        if self.lora_enabled:
            kernel, a, b, _ = self._lora_parts()
            with stop_recording():
                whole = Variable(getattr(self, self._adapted), dtype=kernel.dtype, name=kernel.name)
            own = [whole if w is kernel else w for w in own if w is not a and w is not b]
        for i, variable in enumerate(own):
            store[str(i)] = variable

    def load_own_variables(self, store):
        """Take the weights from `store`: the kernel is the sum, to which nothing is added until training begins again."""
        if not self.lora_enabled:
            return super().load_own_variables(store)
        _, a, b, _ = self._lora_parts()
        self._take([w for w in self._own_weights() if w is not a and w is not b], store)
        b.assign(ops.zeros(b.shape))

    def _without_unused_lora(self, config):
        """`config` as older versions of Keras 3 read it too, where LoRA is off."""
        if not config["lora_rank"]:
            del config["lora_rank"], config["lora_alpha"]
        return config


class Adapted:
    """A kernel as the sum that LoRA makes of it: found only where the instance has no attribute of this name."""

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, layer, owner=None):
        if layer is None:
            return self
        if not layer.lora_enabled:
            raise AttributeError(f"{layer._who}: You must build the layer before accessing `{self.name}`.")
        kernel, a, b, scale = layer._lora_parts()
        return ops.cast(kernel + scale * ops.matmul(a, b), kernel.dtype)
