"""Requests that could be read in two ways are answered and end their connection; the agency never hears of them."""

from __future__ import annotations
