"""Corrections of sent issues: put into effect, and whose copies lack them."""
