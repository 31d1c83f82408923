# The operator: docker build -t modelrollout .
# By digest, since a tag is another image tomorrow; `make image` has another one to stand on where nothing can be pulled.
ARG PYTHON_IMAGE=python:3.11-slim@sha256:9c900dea9e8fb7e16277c179b555cc72d29a352dbc33cff48ad5a0412fd5bfc7

FROM ${PYTHON_IMAGE} AS wheels
COPY requirements/build.txt /src/build.txt
# The secrets are for machines whose package index needs settings of its own; without them pip has its defaults.
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca.pem,target=/run/secrets/ca.pem \
    python3 -m venv --without-pip /build \
    && python3 -m pip --python /build/bin/python install --no-cache-dir --require-hashes -r /src/build.txt
COPY pyproject.toml README.md LICENSE /src/
COPY packages/contract /src/packages/contract
COPY operator /src/operator
RUN for package in /src/packages/contract /src; do \
        cd $package && /build/bin/python -m hatchling build -t wheel -d /wheels || exit 1; \
    done

FROM ${PYTHON_IMAGE}
COPY requirements/operator.txt /app/requirements.txt
# Compiled by hash: the time of a source, which is the same for every file of the image, does not say what it was.
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca.pem,target=/run/secrets/ca.pem \
    python3 -m venv --without-pip /app/.venv \
    && python3 -m pip --python /app/.venv/bin/python install --no-cache-dir --no-compile --require-hashes -r /app/requirements.txt \
    && python3 -m compileall -q --invalidation-mode unchecked-hash /app/.venv/lib
COPY --from=wheels /wheels /app/wheels
RUN python3 -m pip --python /app/.venv/bin/python install --no-cache-dir --no-compile --no-deps --no-index /app/wheels/*.whl \
    && python3 -m compileall -q --invalidation-mode unchecked-hash /app/.venv/lib/python3*/site-packages/modelrollout*
ARG VERSION=
ARG REVISION=
LABEL org.opencontainers.image.title="modelrollout" \
    org.opencontainers.image.description="Kubernetes operator that rolls out BentoML models" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1
USER 65532:65532
ENTRYPOINT ["modelrollout-operator"]
