"""The status of the city's services as a page for people, readable on a 360 pixel wide screen without a script."""

from __future__ import annotations

from gateway.messages import Language
from gateway.ops.layout import Html, contact, element, html_page, joined
from gateway.ops.status import CityStatus, ServiceStatus
from gateway.ops.words import duration, moment, percent, spoken, timestamp, word


def status_page(city: CityStatus, language: Language) -> bytes:
    """Render the page."""
    return html_page(
        word("status", language),
        language,
        navigation("/status", language),
        element(
            "main",
            element("h1", word("status", language)),
            element("p", word("all well" if city.is_well else "some down", language), class_="state"),
            element("p", word("as of", language), " ", _time(city.as_of), class_="quiet"),
            *(_service(one, city, language) for one in city.services),
            *(_left_out(name, language) for name in city.left_out),
            element("p", word("how measured", language), class_="quiet"),
        ),
    )


def navigation(here: str, language: Language, query: str = "") -> Html:
    """Write the links between the gateway's pages, and to the same page in the other language."""
    other: Language = "id" if language == "en" else "en"
    pages = (("/status", "status"), ("/docs", "docs"))
    links = [
        element(
            "a", word(name, language), href=f"{path}?lang={language}", aria_current="page" if path == here else None
        )
        for path, name in pages
    ]
    switch = element(
        "a", word("other language", language), href=f"{here}?{query}lang={other}", hreflang=other, lang=other
    )
    return element("nav", *links, switch, aria_label="Tangerang")


def _time(wall_seconds: float) -> Html:
    return element("time", moment(wall_seconds), datetime_=timestamp(wall_seconds))


def _service(one: ServiceStatus, city: CityStatus, language: Language) -> Html:
    service, health = one.service, one.health
    state = word("unknown" if health is None else health.status, language)
    since = () if health is None else (" ", word("since", language), " ", _time(health.since))
    who = [word("agency", language), ": ", service.agency.name]
    if service.agency.contact is not None:
        who += [" · ", contact(service.agency.contact)]
    measured = f"{one.measured.answers} {word('answers', language)} "
    return element(
        "section",
        element("h2", spoken(service.title, language), id=f"s-{service.name}"),
        element("p", element("span", state, class_="state"), *since),
        _promises(one, language),
        element("p", measured, _time(city.since), class_="quiet"),
        element("p", *who, class_="quiet"),
        class_=None if health is None else health.status,
        aria_labelledby=f"s-{service.name}",
    )


def _promises(one: ServiceStatus, language: Language) -> Html:
    promise, measured, kept = one.service.promise, one.measured, one.kept
    heads = (element("th", word(head, language), scope="col") for head in ("promised", "measured"))
    available = (percent(promise.availability, language), percent(measured.availability, language))
    quick = (duration(promise.p95_seconds, language), duration(measured.p95_seconds, language))
    return element(
        "table",
        element("thead", element("tr", element("td"), *heads)),
        element(
            "tbody",
            _row("availability", *available, _verdict(promise.availability, kept.availability, language), language),
            _row("p95", *quick, _verdict(promise.p95_seconds, kept.p95, language), language),
        ),
    )


def _row(name: str, promised: str, measured: str, verdict: str, language: Language) -> Html:
    # The verdict stands below its number: a column of its own would not fit a small screen.
    found = element("td", measured, element("br"), element("span", verdict, class_="quiet"))
    return element("tr", element("th", word(name, language), scope="row"), element("td", promised), found)


def _verdict(promised: float | None, is_kept: bool | None, language: Language) -> str:
    if promised is None:
        return word("none promised", language)
    return word("too few" if is_kept is None else "kept" if is_kept else "broken", language)


def _left_out(name: str, language: Language) -> Html:
    return element(
        "section",
        element("h2", name),
        element(
            "p",
            joined(element("span", word("left out", language), class_="state"), " · "),
            word("left out why", language),
        ),
        class_="fail",
    )
