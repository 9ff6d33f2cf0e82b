"""The intent models: what a user writes, one module a kind.

Every kind is a pydantic model, built on first use. YAML keys are camelCase, Python names snake_case; a short form is turned into
its one long form while it is read, so that later stages see the long form only.
"""
