"""Forms by which people join, and what protects them."""
