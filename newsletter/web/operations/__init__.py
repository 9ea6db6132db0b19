"""Operations: the overview, operators' actions, probes."""
