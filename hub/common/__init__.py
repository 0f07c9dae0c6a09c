"""What models and mirrors share: atomic `files`, `prefetch` in threads, `errors` of the Hub.

Imports nothing else of this project. Import from its modules.
"""
