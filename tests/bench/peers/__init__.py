"""Our own re-implementations of how other canary tools judge, as far as the comparison needs them.

Written from the projects' sources; each is tested against that project's own documented or tested cases.
"""
