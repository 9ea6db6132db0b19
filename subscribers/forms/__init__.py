"""Forms for subscribing, and their protection against abuse."""
