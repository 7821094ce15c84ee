"""Questions in English on databases with rows, and what becomes of the answers in SQL."""
