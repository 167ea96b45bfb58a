"""Pictures of a search as PNG files: how it went, what mattered, and what the champion does."""
