"""Languages, translations, and the formats of values in each language."""
