# One image for broker, agents and the command line. Built in a stage of its own; what runs has no compiler, no npm cache
# and no root.
FROM node:20.20.2-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json tsconfig.json tsconfig.build.json ./
RUN npm ci --ignore-scripts
COPY broker broker
COPY policy policy
COPY clients clients
COPY keys keys
RUN npm run build && npm prune --omit=dev --ignore-scripts

FROM node:20.20.2-bookworm-slim
# openssl makes the NATS server's certificates (argus nats config, argus cluster init).
RUN apt-get update \
  && apt-get install -y --no-install-recommends openssl \
  && rm -rf /var/lib/apt/lists/*
COPY --from=build /src/package.json /opt/argus/
COPY --from=build /src/node_modules /opt/argus/node_modules
COPY --from=build /src/dist /opt/argus/dist
COPY --from=build /src/policy/shipped /opt/argus/policy/shipped
# Volumes take their owner from here; the numbers are the ones that the compose file names.
RUN ln -s /opt/argus/dist/clients/cli/main.js /usr/local/bin/argus \
  && chmod 755 /opt/argus/dist/clients/cli/main.js \
  && for part in authority policy nats brokers/one brokers/two vms/audio-vm vms/net-vm vms/chrome-vm vms/mail-vm; do \
       mkdir -p "/cluster/$part"; done \
  && chown -R 1000:1000 /cluster \
  && chmod -R go-w /cluster
USER 1000:1000
WORKDIR /cluster
ENTRYPOINT ["argus"]
CMD ["--help"]
