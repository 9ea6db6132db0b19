"""Pages of operations: the overview, operators' actions, probes."""
