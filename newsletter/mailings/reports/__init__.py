"""Reports: the results of mailings, as counts."""
