"""Moving digits: plan, clips, lists."""
