"""The graph: variables, operators, the tape that remembers them, and the check of a gradient by numbers."""

from kerasnp.autodiff.gradcheck import gradcheck
from kerasnp.autodiff.operator import Operator
from kerasnp.autodiff.rematerialize import RematScope, remat
from kerasnp.autodiff.stateless import StatelessScope
from kerasnp.autodiff.symbolic import KerasTensor
from kerasnp.autodiff.tape import GradientTape, Tape, backward, stop_recording
from kerasnp.autodiff.variable import Variable, is_tensor

__all__ = [
    "GradientTape", "KerasTensor", "Operator", "RematScope", "StatelessScope", "Tape", "Variable", "backward", "gradcheck",
    "is_tensor", "remat", "stop_recording",
]  # fmt: skip
