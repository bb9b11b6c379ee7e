"""The version of the distribution that this package is installed with; setup.cfg says it."""

from importlib.metadata import version

DISTRIBUTION = "ptmrec"
__version__ = version(DISTRIBUTION)
