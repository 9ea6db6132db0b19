"""Records into the database: uploads, trial runs, staging, writing, undoing."""
