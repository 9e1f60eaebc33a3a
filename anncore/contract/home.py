"""The two names that tell ours from others', in a module of their own: `annx list` asks before it loads any."""

PROJECT = "annx"  # of the hooks, and the group of entry points that plugins are found in
HOME = "annx"  # the distribution whose components keep their short names
