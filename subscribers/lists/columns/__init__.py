"""What the columns of a list mean, and what a record says of its subscriber by them."""
