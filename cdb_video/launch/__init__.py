"""Commands of the hosts in this process: whose they are, their words, the config they name, how they end."""
