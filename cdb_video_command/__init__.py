"""The command `cdb-video`: its sub-commands, how it starts one and how it ends; without torch and without a host."""
