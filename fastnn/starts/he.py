"""The initializations of He, Zhang, Ren and Sun."""

from .balanced import BalancedNormal, BalancedUniform


class HeUniform(BalancedUniform):
    """Draw weights uniformly with variance ``2 / n_in``; biases are 0.

    K. He, X. Zhang, S. Ren and J. Sun, "Delving deep into rectifiers", ICCV 2015, equation 10.  The
    random numbers of biases are skipped.
    """

    @staticmethod
    def variance(n_in: int, n_out: int) -> float:
        return 2 / n_in


class HeNormal(BalancedNormal):
    """Draw normal weights with variance ``2 / n_in``; biases are 0: see `HeUniform`."""

    variance = staticmethod(HeUniform.variance)
