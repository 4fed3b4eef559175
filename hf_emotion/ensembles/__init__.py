"""Several runs that answer as one."""
