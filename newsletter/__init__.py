"""Newsletter delivery: write an issue, send it to a list, lose nobody, mail nobody twice."""

__version__ = "0.1.0"
