"""The version of the package, and of the numerics."""

__version__ = "0.1.0"
NUMERICS_VERSION = 2
"""Number that increases whenever a bit of any result may change."""
