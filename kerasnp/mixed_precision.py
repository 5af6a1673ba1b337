"""Type policies under the names that Keras 2 gave them; a policy says in which type layers compute."""

from kerasnp.dtype_policies import DTypePolicy, dtype_policy, set_dtype_policy
from kerasnp.optimizers.loss_scale import LossScaleOptimizer

__all__ = [
    "DTypePolicy", "LossScaleOptimizer", "Policy", "dtype_policy", "global_policy", "set_dtype_policy", "set_global_policy",
]  # fmt: skip

Policy, global_policy, set_global_policy = DTypePolicy, dtype_policy, set_dtype_policy
