/** docker-compose.yml, read strictly: what it uses of the compose specification, and nothing that it does not know. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';

const condition = z.enum(['service_started', 'service_healthy', 'service_completed_successfully']);
const duration = z.string().regex(/^\d+(ms|s|m|h)$/);
/** Short syntax: a named volume, an absolute path, an optional mode. */
const volume = z.string().regex(/^[a-z0-9-]+:\/[a-z0-9/-]+(:ro)?$/);

const service = z.strictObject({
  build: z.literal('.').optional(),
  image: z.string().regex(/^[a-z0-9./-]+:[A-Za-z0-9][A-Za-z0-9._-]*$/, 'an image with a tag'),
  user: z.string().regex(/^[1-9]\d*:[1-9]\d*$/, 'numbers, and not root'),
  read_only: z.literal(true),
  init: z.boolean(),
  cap_drop: z.tuple([z.literal('ALL')]),
  security_opt: z.tuple([z.literal('no-new-privileges:true')]),
  networks: z.array(z.string()),
  restart: z.enum(['no', 'always', 'on-failure', 'unless-stopped']),
  command: z.array(z.string()).min(1),
  environment: z.record(z.string(), z.string()).default({}),
  tmpfs: z.array(z.string()).optional(),
  depends_on: z.record(z.string(), z.strictObject({ condition })).default({}),
  healthcheck: z
    .strictObject({
      test: z.tuple([z.literal('CMD')], z.string()),
      interval: duration,
      timeout: duration,
      retries: z.int().min(1),
    })
    .optional(),
  volumes: z.array(volume),
});

const composeFile = z.strictObject({
  'x-hardened': z.unknown(),
  'x-argus': z.unknown(),
  services: z.record(z.string().regex(/^[a-z0-9-]+$/), service),
  networks: z.record(z.string(), z.strictObject({ internal: z.boolean().optional() })),
  volumes: z.record(z.string(), z.null()),
});

export type ComposeFile = z.output<typeof composeFile>;
export type ComposeService = z.output<typeof service>;

export const COMPOSE_PATH = new URL('../../docker-compose.yml', import.meta.url);

export function readComposeFile(): ComposeFile {
  return composeFile.parse(parse(readFileSync(COMPOSE_PATH, 'utf8'), { merge: true }));
}

const SCHEMA_PATH = new URL('./compose-spec.json', import.meta.url);

/**
 * What the compose specification's own schema has against a file. compose-spec.json is `schema/compose-spec.json` of
 * github.com/compose-spec/compose-spec at 170098b (Apache-2.0), unchanged.
 */
export function faultsOf(text: string): readonly string[] {
  const schema = JSON.parse(readFileSync(SCHEMA_PATH, 'utf8'));
  // It spells the draft's name in a way of its own.
  const specification = z.fromJSONSchema({ ...schema, $schema: 'http://json-schema.org/draft-07/schema#' });
  const { error } = specification.safeParse(parse(text, { merge: true }));
  return error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];
}

/** Services so that each comes after those it depends on. */
export function startOrder(file: ComposeFile): string[] {
  const order: string[] = [];
  const visit = (name: string, path: readonly string[]): void => {
    if (path.includes(name)) throw new Error(`depends_on goes in a circle: ${[...path, name].join(' -> ')}`);
    if (order.includes(name)) return;
    for (const other of Object.keys(file.services[name]?.depends_on ?? {})) visit(other, [...path, name]);
    order.push(name);
  };
  for (const name of Object.keys(file.services)) visit(name, []);
  return order;
}
