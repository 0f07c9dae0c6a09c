"""What models and mirrors both stand on: `files` that are written whole or not at all, `prefetch`
in threads, and the Hub's `errors` in words. Imports nothing else of this project.
"""
