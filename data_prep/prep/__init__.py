"""Parts of the commands of data preparation; workers never load torch."""
