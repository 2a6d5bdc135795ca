"""The bench: `make bench`, one command, one run, side by side.

- Suites: `proxy`, `cache`, `scale` (with `bodies` and `idle`), `limits`, `faults`; `__main__` runs one.
- Loads: `loads` says what is asked, `plan` how it is told, `load` asks (with `connections` and `pacing`), `driver` runs
  it in a process of its own; `hold` (run by `holding`) is clients that take their time.
- Contenders: `contenders` is one running program; `gateway_setup` and `peer_setup` start it, `programs` finds or
  installs the peers', `peers/` holds their configuration, `naive` is the naive way. `agency` answers behind them all,
  `site_setup` prepares the place.
- Measuring: `processes` reads the kernel's accounting, `measuring` goes round by round.
- Reporting: `reporting` makes tables, `page` and `plot` make docs/performance.md, `machine` says where it was measured.
"""
