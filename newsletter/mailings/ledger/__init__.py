"""The ledger: one row a delivery, who may move it, and what its outcomes lead to."""
