"""Newsletter delivery: write an issue, send it to a list, lose nobody, mail nobody twice."""

from importlib.metadata import version

__version__ = version("newsletter")
