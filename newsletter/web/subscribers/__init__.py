"""Pages for subscribers, and for operators who find, import and export them."""
