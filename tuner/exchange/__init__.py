"""Searches of other programs brought in, and ours taken out to them.

What comes in is held against a study: values by their names, through `Space.check`, and the objective with its
direction. What fits becomes trials of a search like any other, told before those that come later; `Result.imported`
says what they are not.
"""
