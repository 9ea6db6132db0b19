"""A newsletter's look: model, designs, checks, files, and use on pages."""
