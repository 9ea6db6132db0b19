"""Notices: mail to one person who asked for something, by the same ledger as every issue."""
