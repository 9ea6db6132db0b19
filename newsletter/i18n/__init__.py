"""Languages: which there are, and what is written in them."""
