"""Message assembly: one rendered issue becomes one recipient's bytes."""
