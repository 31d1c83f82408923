"""The console script `modelrollout`, which is `kubectl modelrollout` too: look, command, wait, check, plan, replay."""
