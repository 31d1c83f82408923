"""The stages of a rollout, one file each; `table.py` lists them."""
