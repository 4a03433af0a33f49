"""The sub-commands of `cdb-video`, arguments -> parts -> print; tools/ has scripts that call them too."""
