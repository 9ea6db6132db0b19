"""What lists say, in words: names of columns, states, yes and no, and dates; tables of data."""
