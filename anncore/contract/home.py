"""The two names that tell ours from others', in a module of their own, which loads nothing else."""

PROJECT = "annx"  # of the hooks, and the group of entry points that plugins are found in
HOME = "annx"  # the distribution whose components keep their short names
