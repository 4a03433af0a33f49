"""The commands of `cdb-video`: arguments -> parts -> print; each module has `main`."""
