"""Issues as Markdown: reading it, and writing it so that it reads back the same."""
