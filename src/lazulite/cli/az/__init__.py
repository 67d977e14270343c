"""`az`, as scripts for Azure ML use it: one file per group of commands, the table in dispatch.py."""
