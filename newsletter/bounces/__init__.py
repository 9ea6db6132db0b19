"""Read returned mail and provider events: bounces, complaints and automatic replies."""
