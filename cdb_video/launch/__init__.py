"""Commands of the hosts, here or as processes: whose they are, their words, the config they name, how they end."""
