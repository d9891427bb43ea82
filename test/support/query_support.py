"""Queries in one line, so that a table of sentences can be read."""

from __future__ import annotations

from mllm_for3d_ros.language.relations.query import Query


def brief(query: Query) -> str:
    """All that a query says but ``loose``: "chair | nearest window | ordinal 2"."""
    parts = [query.target]
    if query.relation is not None:
        parts.append(" ".join([query.relation, *(f"[{brief(anchor)}]" for anchor in query.anchors)]))
    if query.viewpoint is not None:
        parts.append(f"from [{brief(query.viewpoint)}]")
    parts += [f"{name} {value}" for name in ("ordinal", "size", "color", "count") if (value := getattr(query, name))]
    parts += [name for name in ("plural", "excluded") if getattr(query, name)]
    return " | ".join(parts)
