"""Services that Folio is compared with, each served by uvicorn with as many workers as Folio.

orm       FastAPI with SQLAlchemy's asyncio ORM over asyncpg: the same work as Folio, on Folio's own tables
tutorial  FastAPI with the usual session per request: no key, no entries, and a race
empty     FastAPI alone: routes with models that do nothing
"""
