"""The choice between JSON and another representation by `Accept` (RFC 9110, 12.5.1)."""

JSON = frozenset({"application/json", "application/*", "*/*"})
HTML = "text/html"


def prefers(accept: str, media_type: str) -> bool:
    """Return True if a media type has a higher quality than JSON, or the same and stands before it."""
    best: dict[str, tuple[float, int]] = {}
    for position, part in enumerate(accept.lower().split(",")):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        try:
            quality = float(next((piece[2:] for piece in parameters if piece.startswith("q=")), "1"))
        except ValueError:
            continue
        kind = media_type if name == media_type else "json"
        if quality > 0 and (name == media_type or name in JSON):
            best[kind] = max(best.get(kind, (0.0, 0)), (quality, -position))
    return media_type in best and best[media_type] > best.get("json", (0.0, 0))
