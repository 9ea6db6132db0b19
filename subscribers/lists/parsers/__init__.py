"""Files of any kind into records: CSV, spreadsheets, web pages, JSON, XML, vCards, plain text."""
