"""The product's main job on a real cluster, told as stories."""
