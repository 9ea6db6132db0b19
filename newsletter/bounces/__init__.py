"""Reading what comes back: bounces, complaints, auto-replies."""
