"""Versions of the digit classifier, each trained once."""

from functools import cache

from train import train

trained = cache(train)
