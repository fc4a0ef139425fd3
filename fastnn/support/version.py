"""The version of the package, and that of its results' bits."""

__version__ = "0.1.0"
NUMERICS_VERSION = 2
"""Raised whenever a bit of any result may change."""
