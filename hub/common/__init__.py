"""What models and mirrors share: atomic `files`, `prefetch` in threads, `errors` in a sentence.

Imports nothing else of this project. Import from its modules.
"""
