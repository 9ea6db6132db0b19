"""Issues as Markdown: parsing, and writing in a form that parses to an equal issue."""
