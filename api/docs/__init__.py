"""Folio's documentation of itself, served without a key and without the internet.

- `home`          `GET /`: the name of the service, and the way on
- `document`      /openapi.json
- `completion`    additions to the document that FastAPI makes: shared responses, headers, formats
- `descriptions`  the description of each tag, and of each member that says nothing of its own
- `explorer`      /docs: Swagger UI
- `problems`      /problems: cause and effect of each error, by its code
- `html`          pages for people, and JSON for programs
"""
