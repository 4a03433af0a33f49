"""What a run shows and writes about its classes: history, log, class report, pages."""
