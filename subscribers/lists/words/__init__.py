"""Vocabulary of lists: names of columns, states, yes and no, dates, formats of known systems."""
