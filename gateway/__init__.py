"""A thin API gateway for a city: authenticate once, then proxy, cache and limit towards services declared in YAML."""
