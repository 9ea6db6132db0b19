"""What strangers and ill-meaning users try at the pages."""
