"""Version of the package, as pip and reports have it."""

__version__ = '0.1.0'
