# One image for the web servers, workers, the scheduler and the migration: docker run … visant [web|worker|…]
FROM python:3.11-slim-bookworm AS build

ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy
RUN pip install --no-cache-dir uv==0.13.8
WORKDIR /opt/visant
# What rarely changes comes first, so that a build after a change of code takes seconds.
COPY requirements.txt ./
RUN uv venv .venv && uv pip install --no-cache --python .venv/bin/python -r requirements.txt
COPY camera/ /tmp/camera/
RUN uv pip install --no-cache --python .venv/bin/python /tmp/camera
COPY manage.py ./
COPY visant/ visant/
COPY orgs/ orgs/
COPY devices/ devices/
COPY captures/ captures/
COPY sharing/ sharing/
COPY templates/ templates/
COPY static/ static/
COPY deploy/healthcheck.py deploy/healthcheck.py
# The secrets made on this occasion are thrown away with their folder.
RUN VISANT_VAR=/tmp/var VISANT_STATIC_ROOT=/opt/visant/collected .venv/bin/python manage.py collectstatic --no-input --verbosity 0 \
    && .venv/bin/python -m compileall -q visant orgs devices captures sharing \
    && rm -rf /tmp/var

FROM python:3.11-slim-bookworm

RUN groupadd --gid 10001 visant \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/visant --shell /usr/sbin/nologin visant \
    && install -d -o visant -g visant -m 0700 /var/lib/visant
COPY --from=build /opt/visant /opt/visant
ENV PATH=/opt/visant/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    VISANT_VAR=/var/lib/visant \
    VISANT_STATIC_ROOT=/opt/visant/collected \
    VISANT_HOST=0.0.0.0 \
    VISANT_LOG_FORMAT=json \
    PORT=8000
WORKDIR /opt/visant
USER 10001:10001
EXPOSE 8000
# Of the web servers; what runs a worker or the scheduler leaves it out.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["python", "deploy/healthcheck.py"]
ENTRYPOINT ["python", "manage.py"]
CMD ["web"]
