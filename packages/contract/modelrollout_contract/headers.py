"""HTTP headers of predictions."""

VERSION_HEADER = "x-modelrollout-version"
"""Of a response: `name:version` of the Bento that answered."""

REQUEST_ID_HEADER = "x-request-id"
"""Of a request and its response: the id by which a prediction is known. Envoy gives a mirrored copy the same one."""

ARM_HEADER = "x-modelrollout-arm"
"""Of a request, where a gateway sets it: the arm (champion, challenger, baseline) that it was dealt to."""

SHADOW_SUFFIX = "-shadow"
"""What Envoy adds to the host of a mirrored request, before the port."""
