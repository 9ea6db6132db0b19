"""Whatever an issue is read from: files in their encodings, the digest, forms, the editor."""
