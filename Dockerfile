# The operator: docker build -t modelrollout .
ARG PYTHON_IMAGE=python:3.11-slim
FROM ${PYTHON_IMAGE}
COPY requirements/operator.txt /app/requirements.txt
# The secrets are for machines whose package index needs settings of its own; without them pip has its defaults.
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca.pem,target=/run/secrets/ca.pem \
    python3 -m venv --without-pip /app/.venv \
    && python3 -m pip --python /app/.venv/bin/python install --no-cache-dir --require-hashes -r /app/requirements.txt
COPY pyproject.toml README.md LICENSE /src/
COPY packages/contract /src/packages/contract
COPY operator /src/operator
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca.pem,target=/run/secrets/ca.pem \
    python3 -m pip --python /app/.venv/bin/python install --no-cache-dir --no-deps /src/packages/contract /src \
    && rm -r /src
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1
USER 65532:65532
ENTRYPOINT ["modelrollout-operator"]
