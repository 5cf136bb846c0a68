"""Clients generated from the OpenAPI document, in Python and in TypeScript, take the README's walkthrough."""
