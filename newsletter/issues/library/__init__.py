"""The pictures and files that a newsletter keeps, and what uses them."""
