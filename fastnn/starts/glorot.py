"""The initializations of Glorot and Bengio."""

from .balanced import BalancedNormal, BalancedUniform


class GlorotUniform(BalancedUniform):
    """Draw weights uniformly with variance ``2 / (n_in + n_out)``; biases are 0.

    X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", AISTATS 2010, equation 16.  The random numbers of biases are skipped.
    """

    @staticmethod
    def variance(n_in: int, n_out: int) -> float:
        return 2 / (n_in + n_out)


class GlorotNormal(BalancedNormal):
    """Draw normal weights of variance ``2 / (n_in + n_out)``, biases 0: see `GlorotUniform`."""

    variance = staticmethod(GlorotUniform.variance)
