"""A newsletter's look: the value, the designs it begins with, its checks, its use on pages."""
