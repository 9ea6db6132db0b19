"""The command line for editors and operators."""
