# The layers that all versions of the example share: Python, the locked dependencies and BentoML's user.
# In the root of the repository: docker build -t localhost/modelrollout-bentoml -f examples/digits/base.Dockerfile .
ARG PYTHON_IMAGE=python:3.11-slim

FROM ${PYTHON_IMAGE} AS wheels
COPY requirements/build.txt /src/build.txt
# The secrets are for machines whose package index needs settings of its own; without them pip has its defaults.
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca.pem,target=/run/secrets/ca.pem \
    python3 -m venv --without-pip /build \
    && python3 -m pip --python /build/bin/python install --no-cache-dir --require-hashes -r /src/build.txt
COPY packages/contract /src/contract
COPY packages/serving /src/serving
RUN for package in contract serving; do \
        cd /src/$package && /build/bin/python -m hatchling build -t wheel -d /wheels || exit 1; \
    done

FROM ${PYTHON_IMAGE}
COPY requirements/examples.txt /app/requirements.txt
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca.pem,target=/run/secrets/ca.pem \
    python3 -m venv --without-pip /app/.venv \
    && python3 -m pip --python /app/.venv/bin/python install --no-cache-dir --require-hashes -r /app/requirements.txt
# What records predictions is of this repository, and in no index.
COPY --from=wheels /wheels /app/wheels
RUN python3 -m pip --python /app/.venv/bin/python install --no-cache-dir --no-deps --no-index /app/wheels/*.whl
# Number and home as in the images that BentoML makes from its own bases.
RUN echo "bentoml:x:1034:1034::/home/bentoml:/usr/sbin/nologin" >> /etc/passwd \
    && echo "bentoml:x:1034:" >> /etc/group \
    && mkdir /home/bentoml && chown 1034:1034 /home/bentoml
ENV PATH=/app/.venv/bin:$PATH
