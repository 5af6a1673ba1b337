"""plot_model with Keras's signature."""

from kerasnp.viz import model_graph


def plot_model(
    model,
    to_file="model.png",
    show_shapes=False,
    show_dtype=False,
    show_layer_names=False,
    rankdir="TB",
    expand_nested=False,
    dpi=200,
    show_layer_activations=False,
    show_trainable=False,
    splines="ortho",
    **kwargs,
):
    """Write a picture of a model; `kerasnp.viz.plot_model` with Keras's arguments and defaults, without Graphviz.

    >>> import kerasnp
    >>> model = kerasnp.Sequential([kerasnp.Input((4,)), kerasnp.layers.Dense(3)])
    >>> print(plot_model(model, to_file=None, show_shapes=True))
    Input  (None, 4)
      ↓
    Dense  (None, 3)

    Args:
        model: a built model.
        to_file: the file to write: `.svg` or `.txt`; `.png`, `.pdf` and others where matplotlib is installed; None
            writes none.
        show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable: what to tell of each layer.
        rankdir: `"TB"` from top to bottom, `"LR"` from left to right.
        expand_nested: show the layers inside nested models too.
        dpi: resolution of formats that have one.
        splines: accepted; arrows are curves.

    Returns: a Diagram, which a notebook shows.

    Raises: ValueError for a model that is not built, or an unknown argument.
    """
    if kwargs:
        raise ValueError(f"Unrecognized keyword arguments: {kwargs}")
    if not model.built:
        raise ValueError(
            "plot_model: the model is not built, so its shapes are unknown; call model.build() or the model on some data first."
        )
    return model_graph.plot_model(
        model,
        to_file,
        show_shapes=show_shapes,
        show_dtype=show_dtype,
        show_layer_names=show_layer_names,
        show_layer_activations=show_layer_activations,
        show_params=False,
        show_trainable=show_trainable,
        expand_nested=expand_nested,
        rankdir=rankdir,
        title="",
        dpi=dpi,
    )
