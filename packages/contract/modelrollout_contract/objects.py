"""Labels and annotations of the objects that the operator makes.

Objects are found by labels of this group alone. Policies rewrite `app.kubernetes.io/*`, which tools show and nothing
here depends on.
"""

GROUP = "modelrollout.io"
"""API group of the operator's kinds, and prefix of its labels and annotations."""

ROLLOUT_LABEL = f"{GROUP}/rollout"
"""Name of the ModelRollout that an object was made for. On every object, pods included."""

VERSION_LABEL = f"{GROUP}/version"
"""Hash of the version that an object runs or serves. On Deployments, their pods, and Services."""

BENTO_ANNOTATION = f"{GROUP}/bento"
"""`name:version` of the Bento that a version runs. Where VERSION_LABEL is."""

SNAPSHOT_LABEL = f"{GROUP}/snapshot"
"""`last`, on the ControllerRevision with the last valid spec of a ModelRollout and the roles of its versions."""
