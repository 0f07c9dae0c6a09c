"""What all share: atomic `files`, `prefetch` in threads, `errors` in a sentence, the `terminal`.

Imports nothing else of this project. Import from its modules.
"""
