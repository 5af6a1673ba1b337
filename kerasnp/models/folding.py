"""Fewer operators for predictions: a convolution does what follows it, while what it makes is in the cache.

A batch normalization with fixed statistics is a scale and a shift for each filter, so it goes into kernel and bias; an
activation that never falls and a max-pooling are part of the convolution's own step. Outputs differ by rounding from those
of the layers one by one.
"""

from kerasnp import backend as K
from kerasnp.ops.conv import Conv
from kerasnp.ops.elementwise import Unary
from kerasnp.ops.norm import BatchNorm
from kerasnp.ops.pool import MaxPool


def folded(operators):
    """Pairs of an operator and the variables it reads, each convolution with what can be done in its step."""
    found = []
    for operator, variables in operators:
        last = found[-1][0] if found else None
        if isinstance(last, Folded) and last.takes(operator):
            found[-1] = last, (*found[-1][1], *variables)
        elif type(operator) is Conv:
            found.append((Folded(operator, variables), variables))
        else:
            found.append((operator, variables))
    return found


class Folded:
    """y = act(max_pool(batch_norm(conv(x, w) + b))), with the parts that there are.

    Args:
        conv: the convolution.
        variables: its kernel and, if it has one, its bias; more is read by what is taken in later, in that order.
    """

    short_calls = False

    def __init__(self, conv, variables):
        self.options, self.activation = conv.options, conv.activation
        self.rank, self.biased = len(variables[0].shape), len(variables) > 1
        self.norm = self.pool = None

    def takes(self, operator):
        """Whether an operator that follows is taken in, which changes this one."""
        if type(operator) is BatchNorm and self.norm is self.activation is self.pool is None:
            last = operator.axis % self.rank == self.rank - 1
            self.norm = operator if last else None
            return last
        if type(operator) is Unary and operator.name in K.fused and self.activation is None:
            self.activation = K.fused[operator.name]
            return True
        if type(operator) is MaxPool and self.pool is None:
            self.pool = operator.options
            return True
        return False

    def forward(self, x, w, *others):
        """The outputs for x, with the values of the variables at this moment."""
        b, others = (others[0], others[1:]) if self.biased else (None, others)
        if (norm := self.norm) is not None:
            mean, variance, *parameters = others
            gamma, beta = parameters[0] if norm.scale else None, parameters[-1] if norm.center else None
            scale, b = K.scale_and_shift(mean if b is None else mean - b, variance, gamma, beta, w.dtype.type(norm.epsilon))
            w = w * scale
        if self.pool is None:
            return K.conv(x, w, b, self.activation, **self.options)
        return K.conv_pool(x, w, b, self.activation, **self.options, pool=self.pool, winners=False)[0]
