"""Issues: the content model, the sources it is read from, and its checks."""
