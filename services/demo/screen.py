"""What the demo prints: progress while it starts, then addresses, accounts, and lines to copy."""

from __future__ import annotations

import sys

from services.demo.plan import SERVICES, Plan
from services.demo.seed import ACCOUNTS


def say(text: str, *, end: str = "\n") -> None:
    """Print at once: progress that waits in a buffer is none."""
    sys.stdout.write(text + end)
    sys.stdout.flush()


def show(plan: Plan, seconds: float) -> None:
    """Print the tables and the curl lines, in the order in which a citizen would use them."""
    say(f"\nThe city is up ({seconds:.1f} s).\n")
    rows = [("public, what citizens' apps call", plan.public), ("operators: /readyz /metrics /healthz", plan.ops)]
    rows += [(f"{name} (agencies' own, not for citizens)", plan.service_url(name)) for name in SERVICES]
    rows.append(("test bank: POST /pay takes a billing code and no money", plan.bank))
    for what, url in rows:
        say(f"  {url:<24} {what}")
    say("\nTest accounts (all invented):\n")
    for account in ACCOUNTS:
        role = f", {account.role}" if account.role else ""
        say(f"  {account.identifier:<28} {account.password}   {account.name}, assurance {account.assurance}{role}")
    say("\nCopy these, in this order:\n")
    for comment, line in curl_lines(plan):
        say(f"# {comment}\n{line}\n")
    say(f"The same for programs: {plan.directory / 'demo.json'}; logs: {plan.directory}/*.log")
    say("Ctrl-C ends everything.")


def curl_lines(plan: Plan) -> list[tuple[str, str]]:
    """Return what each line shows, and the line."""
    city = plan.public
    siti = ACCOUNTS[0]
    login = f'{{"identifier":"{siti.identifier}","password":"{siti.password}"}}'
    json_type = "-H 'Content-Type: application/json'"
    bearer = '-H "Authorization: Bearer $TOKEN"'
    report = (
        '{"category":"street_lights","description":"Lampu jalan padam sejak Senin malam.","lat":-6.168,"lon":106.594}'
    )
    anonymous = report[:-1] + ',"anonymous":true}'
    incident = '{"kind":"fire","landmark":"Pasar Anyar, pintu timur","callback":"081234567890"}'
    return [
        ("what the city offers", f"curl -s {city}/v1/services"),
        ("a public catalogue; say it twice and look at Cache-Status", f"curl -si {city}/v1/permits/types | head -20"),
        (
            "sign in once",
            f"TOKEN=$(curl -s {city}/v1/identity/login {json_type} -d '{login}' | "
            """sed 's/.*"access_token": *"\\([^"]*\\)".*/\\1/')""",
        ),
        ("who am I", f"curl -s {city}/v1/identity/me {bearer}"),
        (
            "apply for a permit",
            f"""curl -s {city}/v1/permits/applications {bearer} {json_type} -d '{{"type":"reklame"}}'""",
        ),
        ("my applications", f"curl -s {city}/v1/permits/applications {bearer}"),
        ("report a broken lamp (Laksa)", f"curl -s {city}/v1/complaints/reports {bearer} {json_type} -d '{report}'"),
        ("the same without giving a name", f"curl -s {city}/v1/complaints/reports {json_type} -d '{anonymous}'"),
        ("one home screen from several agencies", f"curl -s {city}/v1/home {bearer}"),
        ("an emergency, with no sign-in at all", f"curl -s {city}/v1/emergency/incidents {json_type} -d '{incident}'"),
        ("the nearest posts", f"curl -s '{city}/v1/emergency/posts?lat=-6.17&lon=106.63'"),
        (
            "limits: after five wrong sign-ins in a row the next ones are told when to come back",
            f"for i in $(seq 8); do curl -s -o /dev/null -w '%{{http_code}} ' {city}/v1/identity/login {json_type} "
            """-d '{"identifier":"nobody@example.id","password":"wrong"}'; done; echo""",
        ),
        ("what operators see", f"curl -s {plan.ops}/readyz"),
    ]
