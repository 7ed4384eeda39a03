"""Confluence's storage format (XHTML with macros and links of its own) as plain HTML."""

import re
from html import entities, escape
from importlib import import_module
from typing import Any, cast

from flowmatik.kernel.errors import DocumentError
from flowmatik.memory.source_parts.archives import unreadable
from flowmatik.memory.source_parts.made import too_large

_DEEPEST = 2000  # libxml goes 2,048 deep
MOST_BODY = 20 * 1024 * 1024
_etree = cast("Any", import_module("lxml.etree"))  # it has no types
_AC, _RI = "urn:ac", "urn:ri"
_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]*);")
_XML = frozenset(("amp", "lt", "gt", "quot", "apos"))
_CODE = frozenset(("code", "noformat"))
_DROPPED = frozenset(("parameter", "placeholder", "emoticon", "task-id", "task-status", "task-uuid"))


def as_html(body: str, path: str) -> str:
    """Raises DocumentError (`document.unreadable`, `.too_large`)."""
    if len(body) > MOST_BODY:
        raise too_large(path, len(body), MOST_BODY)
    body = _ENTITY.sub(_character, body.replace("]] >", "]]>"))
    whole = f'<div xmlns:ac="{_AC}" xmlns:ri="{_RI}">{body}</div>'
    parser = _etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, recover=True, huge_tree=True
    )
    try:
        root = _etree.fromstring(whole.encode("utf-8", "replace"), parser)
    except _etree.XMLSyntaxError as error:
        raise unreadable(path, str(error)[:200]) from error
    if root is None:
        raise unreadable(path, "its text is no XHTML")
    check_depth(root, path)
    for one in list(root.iter(f"{{{_AC}}}*")):
        _plain(one)
    _etree.strip_elements(root, *(f"{{{_AC}}}{name}" for name in _DROPPED), f"{{{_RI}}}*", with_tail=False)
    _etree.strip_tags(root, f"{{{_AC}}}*")
    _etree.cleanup_namespaces(root)
    return str(_etree.tostring(root, encoding="unicode", method="html"))


def check_depth(root: Any, path: str) -> None:
    """Raises DocumentError (`document.deep`): what lies deeper than libxml goes is not in its tree, nor is
    what comes after it, and of a hundred faults and more it does not say that one."""
    depth = 0
    for event, _ in _etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > _DEEPEST:
            raise DocumentError(
                f"{path}: elements nested more than {_DEEPEST:,} deep; simplify the page",
                code="document.deep",
                context={"limit": _DEEPEST},
            )


def _plain(one: Any) -> None:
    name = _etree.QName(one).localname
    if name == "plain-text-body":
        parent = one.getparent()
        code = parent is not None and parent.get(f"{{{_AC}}}name") in _CODE
        one.tag = "pre" if code else "p"
    elif name in ("plain-text-link-body", "rich-text-body", "task-body"):
        one.tag = "span" if name == "plain-text-link-body" else "div"
    elif name == "link" and not _has_words(one):
        named = one.find(f"{{{_RI}}}page")
        target = one.find(f"{{{_RI}}}attachment") if named is None else named
        title = (
            ""
            if target is None
            else target.get(f"{{{_RI}}}content-title") or target.get(f"{{{_RI}}}filename")
        )
        one.text = title or ""


def _has_words(link: Any) -> bool:
    return bool("".join(link.itertext()).strip())


def _character(found: re.Match[str]) -> str:
    name = found[1]
    if name in _XML:
        return found[0]
    character = entities.html5.get(f"{name};")
    return escape(character) if character else escape(found[0])
