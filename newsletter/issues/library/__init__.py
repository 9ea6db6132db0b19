"""The library: pictures and files of a newsletter, and their uses."""
