"""Reports: what became of a mailing, as sums."""
