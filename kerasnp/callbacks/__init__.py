"""Callbacks: what happens around epochs and batches, under the names of `keras.callbacks`."""

from kerasnp.callbacks.averaging import SwapEMAWeights
from kerasnp.callbacks.backup import BackupAndRestore
from kerasnp.callbacks.callback import Callback, CallbackList
from kerasnp.callbacks.checkpoint import ModelCheckpoint
from kerasnp.callbacks.history import History
from kerasnp.callbacks.logging import CSVLogger, LambdaCallback, RemoteMonitor
from kerasnp.callbacks.monitor import MonitorCallback
from kerasnp.callbacks.progress import ProgbarLogger
from kerasnp.callbacks.schedule import LearningRateScheduler, ReduceLROnPlateau
from kerasnp.callbacks.stopping import EarlyStopping, TerminateOnNaN
from kerasnp.callbacks.tensorboard import TensorBoard

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "MonitorCallback",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "RemoteMonitor",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
]
