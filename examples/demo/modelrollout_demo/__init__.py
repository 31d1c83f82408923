"""The product's main job on a real cluster, told as stories; the end-to-end tests stand on the same parts."""
