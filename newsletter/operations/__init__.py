"""Operations: whether something is wrong, and an operator's word on it."""
