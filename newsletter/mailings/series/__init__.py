"""Series: issues that each reader gets one after the other once something happened to them."""
