"""Imports of records into the database: uploads, trials, staging, writing, undoing."""
