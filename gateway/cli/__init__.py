"""The command `gateway`: it reads arguments, prints, and leaves the work to others. One module a group of commands.

command ─┬─ checking   check · routes · explain
         ├─ writing    schema · keys · docs
         ├─ serving    run
         └─ …          commands that ask a running gateway (cache, limits) stand beside what they ask, in ops/
options, printing: what the modules share
"""

from __future__ import annotations

from gateway.cli.command import main as main
