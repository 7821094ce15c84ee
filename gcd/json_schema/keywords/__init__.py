"""What each keyword means, as nodes of a program: one module for each group of keywords that go together.

A handler is called as ``handler(compiler, value, schema, at, scope)`` for the keyword whose path is `at`, with its
value and the schema around it, and returns the node that says what it demands. Of keywords that need each other
(`properties` and `additionalProperties`) one speaks for all, the others return TRUE.
"""
