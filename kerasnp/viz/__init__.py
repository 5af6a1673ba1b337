"""Pictures of data, models and training, drawn by matplotlib (`pip install "kerasnp[viz]"`).

Every function returns a matplotlib Figure, writes it to `path` where one is given, and never opens a window: the module
works without a display and leaves matplotlib's global state alone.

>>> import kerasnp
>>> figure = kerasnp.viz.plot_history({"loss": [1.0, 0.5, 0.3], "val_loss": [1.1, 0.7, 0.6]})
>>> figure.axes[0].get_ylabel()
'loss'

`plot_model` also draws without matplotlib, as text and SVG.
"""

from kerasnp.viz.evaluation import confusion_matrix, show_classes, show_misclassified
from kerasnp.viz.features import show_feature_maps, show_filters
from kerasnp.viz.history import PlotHistory, plot_history
from kerasnp.viz.loss_surface import landscape
from kerasnp.viz.model_graph import plot_model
from kerasnp.viz.weights import activation_histograms, gradient_flow, weight_histograms

__all__ = [
    "PlotHistory",
    "activation_histograms",
    "confusion_matrix",
    "gradient_flow",
    "landscape",
    "plot_history",
    "plot_model",
    "show_classes",
    "show_feature_maps",
    "show_filters",
    "show_misclassified",
    "weight_histograms",
]
