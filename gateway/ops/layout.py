"""HTML for people with cheap phones: one small style sheet inline, nothing fetched, nothing run.

Elements escape whatever text they are given, so a page cannot be broken by what an agency writes into its file.
"""

from __future__ import annotations

import base64
import hashlib
import re
from html import escape
from typing import Final

from gateway.fields import Fields
from gateway.messages import Language

_STYLE: Final = """
*{box-sizing:border-box}
body{margin:0 auto;padding:0 1rem 3rem;max-width:46rem;font:1rem/1.5 system-ui,sans-serif;color:#1b1b1b;background:#fff}
h1{font-size:1.5rem;line-height:1.25;margin:1rem 0 .5rem}
h2{font-size:1.2rem;line-height:1.3;margin:0}
h3{font-size:1rem;margin:0;overflow-wrap:anywhere}
p{margin:.5rem 0}
a{color:#0b4f9e}
a:focus-visible{outline:3px solid #0b4f9e;outline-offset:2px}
nav{padding:.75rem 0;border-bottom:1px solid #d0d0d0;display:flex;flex-wrap:wrap;gap:.25rem 1.25rem}
nav a{padding:.5rem 0}
section,article{margin:1rem 0;padding:.9rem 1rem;border:1px solid #c8c8c8;border-left-width:.4rem;border-radius:.3rem}
.pass{border-left-color:#1a7f37}.warn{border-left-color:#9a6700}.fail{border-left-color:#b3261e}
.state{font-weight:600}
.quiet{color:#555;font-size:.9rem}
table{border-collapse:collapse;width:100%;margin:.5rem 0}
th,td{text-align:left;vertical-align:top;padding:.3rem .5rem .3rem 0;border-top:1px solid #ddd}
tbody th{font-weight:500}
td{white-space:nowrap}td .quiet{white-space:normal}
thead th,thead td{border-top:0}thead th{font-size:.9rem;color:#555}
dl{margin:.5rem 0}dt{font-weight:600;font-size:.9rem}dd{margin:0 0 .4rem;overflow-wrap:anywhere}
pre{margin:.5rem 0;padding:.6rem;background:#f3f3f3;white-space:pre-wrap;overflow-wrap:anywhere;font-size:.85rem}
@media(prefers-color-scheme:dark){
body{color:#ececec;background:#161616}a{color:#8fc1ff}a:focus-visible{outline-color:#8fc1ff}
.quiet,thead th{color:#b5b5b5}pre{background:#262626}
nav,section,article,th,td{border-color:#4a4a4a}
.pass{border-left-color:#4ac26b}.warn{border-left-color:#d4a72c}.fail{border-left-color:#ff7b72}}
""".strip()
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_EMAIL: Final = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.ASCII)
_PHONE: Final = re.compile(r"\+?[0-9][0-9 ()-]{1,19}")
_VOID: Final = frozenset({"br", "meta"})


class Html(str):
    """Text that is HTML already, made by `element` alone."""

    __slots__ = ()


def element(name: str, *children: str, **attributes: str | None) -> Html:
    """Write one element; what is not Html is escaped. `class_` is written class, and `aria_label` aria-label."""
    names = {key: key.rstrip("_").replace("_", "-") for key in attributes}
    given = "".join(f' {names[key]}="{escape(value)}"' for key, value in attributes.items() if value is not None)
    if name in _VOID:
        return Html(f"<{name}{given}>")
    return Html(f"<{name}{given}>{joined(*children)}</{name}>")


def joined(*children: str) -> Html:
    """Put pieces one after the other; what is not Html is escaped."""
    return Html("".join(child if isinstance(child, Html) else escape(child) for child in children))


def html_page(title: str, language: Language, *body: str) -> bytes:
    """Return a whole document."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name_="color-scheme", content="light dark"),
        element("title", title),
        Html(f"<style>{_STYLE}</style>"),
    )
    return f"<!doctype html>{element('html', head, element('body', *body), lang=language)}\n".encode()


def html_fields(language: Language) -> Fields:
    """Return the fields of an HTML page: no script, no foreign thing, no frame around it."""
    return (
        (b"content-language", language.encode()),
        (b"content-security-policy", _POLICY.encode()),
        (b"referrer-policy", b"no-referrer"),
    )


def contact(text: str) -> Html:
    """Write a contact so that a phone can dial or write."""
    return Html(" · ".join(_way(way) for way in text.split(" · ")))


def _way(way: str) -> Html:
    if _EMAIL.fullmatch(way):
        return element("a", way, href=f"mailto:{way}")
    if _PHONE.fullmatch(way):
        return element("a", way, href="tel:" + re.sub(r"[^0-9+]", "", way))
    if way.startswith(("https://", "http://")):
        return element("a", way, href=way)
    return joined(way)
