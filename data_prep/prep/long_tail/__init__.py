"""What makers of long-tailed sets share: class sizes, their order, arguments, a folder that appears whole."""
