"""Callbacks: what happens around epochs and batches, under the names of `keras.callbacks`."""

from kerasnp.utils import lazy as _lazy

_HOMES = {
    ".averaging": "SwapEMAWeights",
    ".backup": "BackupAndRestore",
    ".callback": "Callback CallbackList",
    ".checkpoint": "ModelCheckpoint",
    ".history": "History",
    ".logging": "CSVLogger LambdaCallback RemoteMonitor",
    ".monitor": "MonitorCallback",
    ".progress": "ProgbarLogger",
    ".schedule": "LearningRateScheduler ReduceLROnPlateau",
    ".stopping": "EarlyStopping TerminateOnNaN",
    ".tensorboard": "TensorBoard",
}

__getattr__, __dir__, __all__ = _lazy.attach(__name__, _HOMES)
