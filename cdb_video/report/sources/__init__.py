"""What a report is read from: history, dump of predictions, config, lists, pictures of clips."""
