"""From a source to arrays: rows, parts, preprocessing."""
