"""The demo: the whole city as real processes on one machine. It runs the programs; it stands in for none of them."""
