"""The web application: pages for subscribers, editors and operators."""
