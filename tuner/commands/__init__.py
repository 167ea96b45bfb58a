"""The commands, by subject: each parses, calls and prints. `tuner.cli` puts them together.

Nothing heavy is imported before a command needs it.
"""
