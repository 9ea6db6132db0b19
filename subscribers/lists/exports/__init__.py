"""The subscribers of a newsletter as a file."""
