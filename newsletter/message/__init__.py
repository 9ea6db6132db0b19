"""Message assembly: build the octets of one recipient's message from a rendered issue."""
