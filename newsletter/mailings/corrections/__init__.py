"""Corrections of sent issues: taking effect, notes, and mail to readers of faulty copies."""
