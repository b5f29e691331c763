"""Ray, started on this machine or joined on a cluster, and processes of ours on it. The only package that knows Ray."""
