/**
 * Every option of a broker, with its default and range, in one place. argus.yaml and the argument of `startBroker` have
 * the same shape. An unknown key is an error that names it.
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { AEAD_PROVIDERS, AEAD_SUITES, FAST_SUITES, NAME_PATTERN } from '../keys/index.ts';
import {
  DOMAIN_BYTES_PER_HOUR,
  MAX_WITNESSES,
  MIN_DOMAIN_BYTES_PER_HOUR,
  MIN_LOG_BYTES,
  parseVerifierKey,
  type RetentionOptions,
} from './audit/index.ts';
import { parseHostPort, reasonOf } from './base/index.ts';
import { OUR_WORDS, problemOf, readYamlText } from './config/index.ts';
import { BrokerError, MIN_MEMORY_BYTES, POLICY_SOURCES, RING_BYTES_PER_DOMAIN } from './process/index.ts';
import { MAX_RING_BYTES, MIN_RING_BYTES } from './wire/index.ts';

/** `127.0.0.1:7100`, `[::1]:7100` or `host:0`. */
const hostPort = z.string().transform((text, context) => {
  const parsed = parseHostPort(text);
  if (parsed !== null) return parsed;
  context.addIssue({
    code: 'custom',
    message: 'expected host:port, e.g. 127.0.0.1:7100, with a port of at most 65535',
  });
  return z.NEVER;
});

const path = z.string().min(1);

const thumbprint = z
  .string()
  .regex(/^[A-Za-z0-9_-]{43}$/, 'expected the thumbprint of a key, as "argus keys show DIR" prints it');

const policyObject = z
  .strictObject({
    directory: path,
    /**
     * `watch`: the files of the directory are used. `applied`: only the files of `argus policy apply` are. `signed`:
     * only the signed bundle of the directory is. `nats`: only the signed bundle of the server's bucket is.
     */
    source: z.enum(POLICY_SOURCES).default('watch'),
    /** Refuse to start with a broken directory, instead of starting with the last policy in force. */
    strict: z.boolean().default(false),
    /** Thumbprints of the keys that may sign a bundle. */
    keys: z.array(thumbprint).default([]),
    /** Thumbprints of the keys that must sign assertions.csv of a bundle besides. None: one signature is enough. */
    assertionKeys: z.array(thumbprint).default([]),
  })
  .superRefine(({ source, keys, assertionKeys }, context) => {
    const refuse = (key: string, message: string): void => context.addIssue({ code: 'custom', path: [key], message });
    const isSigned = source === 'signed' || source === 'nats';
    if (isSigned && keys.length === 0) refuse('keys', 'expected the thumbprint of at least one key');
    if (!isSigned && keys.length > 0)
      refuse('keys', 'signatures are checked only with "source: signed" or "source: nats"');
    if (!isSigned && assertionKeys.length > 0)
      refuse('assertionKeys', 'signatures are checked only with "source: signed" or "source: nats"');
    if (assertionKeys.some((key) => keys.includes(key)))
      refuse('assertionKeys', 'a key of "keys" stands here too, so one person could sign both');
  });

const DURATION = /^([1-9]\d{0,8})([hd])$/;
const SIZE = /^([1-9]\d{0,8})(MiB|GiB|TiB)$/;
const GROUP = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}$/;
const SHARE = /^([1-9]\d?|100)%$/;
const MILLISECONDS = { h: 3_600_000, d: 86_400_000 } as const;
const BYTES = { MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 } as const;

/** `12h`, `90d`: milliseconds. */
const duration = z
  .string()
  .regex(DURATION, 'expected hours or days, e.g. 12h or 90d')
  .transform((text) => {
    const [, count, unit = 'h'] = DURATION.exec(text) ?? [];
    return Number(count) * MILLISECONDS[unit as keyof typeof MILLISECONDS];
  });

/** `500MiB`, `20GiB`: bytes. */
const size = z
  .string()
  .regex(SIZE, 'expected MiB, GiB or TiB, e.g. 20GiB')
  .transform((text) => {
    const [, count, unit = 'MiB'] = SIZE.exec(text) ?? [];
    return Number(count) * BYTES[unit as keyof typeof BYTES];
  })
  .refine((bytes) => bytes >= MIN_LOG_BYTES, `must be at least ${MIN_LOG_BYTES / BYTES.MiB}MiB`);

/** `80%`: 0.8. */
const share = z
  .string()
  .regex(SHARE, 'expected a part of the whole, e.g. 80%')
  .transform((text) => Number.parseInt(text, 10) / 100);

const auditObject = z.strictObject({
  directory: path,
  /** Records older than this are removed. Null: none is. */
  keep: duration.nullable().default(null),
  /** The oldest records are removed while the log takes more room on disk. Null: no limit. */
  total: size.nullable().default(null),
  /** An `audit.space` record is written when the file system, or `total` before `keep`, is filled to this part. */
  warnAt: share.nullable().default(null),
  /** A new segment begins when the present one is older than this. Null: a day where `keep` is set. */
  rotate: duration.nullable().default(null),
  /** Compress segments when the next one has begun. */
  compress: z.boolean().default(false),
  /** Witnesses that cosign the checkpoints, over HTTP (`argus audit witness`). */
  witnesses: z
    .array(
      z
        .strictObject({
          url: z.string().regex(/^https?:\/\/[^\s]+$/, 'expected http://host:port'),
          key: z
            .string()
            .refine((text) => parseVerifierKey(text) !== null, 'expected the key that "argus audit witness" prints')
            .optional(),
          /** In place of `key`: the name of a credential with the role witness. */
          name: z.string().regex(NAME_PATTERN, 'expected the name of a witness as in its credential').optional(),
        })
        .refine(({ key, name }) => (key === undefined) !== (name === undefined), 'expected either "name" or "key"'),
    )
    .max(MAX_WITNESSES, `at most ${MAX_WITNESSES} witnesses`)
    .default([]),
  /** How many of them a verification needs. The broker waits for none. */
  quorum: z.int().min(0).max(MAX_WITNESSES).default(0),
});

const controlObject = z.strictObject({
  /** `shared`: only requests at the shared socket need a key. `always`: those at `control.sock` do as well. */
  keys: z.enum(['shared', 'always']).default('shared'),
  /** Path of a second control socket, for users that are not the broker's own. Null: there is none. */
  shared: path.nullable().default(null),
  /** The group, by name or number, that may open the shared socket. Null: the broker's own group. */
  group: z
    .union([z.string().regex(GROUP, 'expected the name or the number of a group'), z.int().nonnegative()])
    .nullable()
    .default(null),
});

const KEEP_ALL = {
  keep: null,
  total: null,
  warnAt: null,
  rotate: null,
  compress: false,
  witnesses: [],
  quorum: 0,
} as const;

export const brokerOptions = z.strictObject({
  /** Directory with the broker's own key and credential (`argus keys enrol … --role broker`). */
  identity: path,
  /** Policy directory: policy.csv, domains.yaml, services.yaml, … A path alone means `{ directory: path }`. */
  policy: z.union([path.transform((directory) => ({ directory })), policyObject]).pipe(policyObject),
  /** Directory of the audit log, one broker per directory, and what is removed from it. A path alone removes nothing. */
  audit: z.union([path.transform((directory) => ({ directory, ...KEEP_ALL })), auditObject]),
  /** Directory for sockets: `<domain>.sock` for each domain and `control.sock`. Made with mode 0700. */
  runtime: path.default('/run/argus'),
  /** Who may use the control API with which keys. `control.sock` in `runtime` is the broker's own user's. */
  control: controlObject.prefault({}),
  /** Also listen on TCP, for domains that have no other carrier. */
  tcp: hostPort.nullable().default(null),
  /**
   * A NATS server for domains whose carrier is `nats`: `nats://host:port`. The broker's nkey seed and the server's CA
   * are `nats.seed` and `nats-ca.pem` in its identity's directory, or the paths in `?seed=` and `?ca=`.
   */
  nats: z
    .string()
    .regex(/^nats:\/\//, 'expected nats://host:port')
    .nullable()
    .default(null),
  /** Also serve Prometheus metrics over HTTP at this address. The control socket always serves them. */
  metrics: hostPort.nullable().default(null),
  /** Reload the policy when a file in its directory changes; SIGHUP and `argus reload` work in any case. */
  watchPolicy: z.boolean().default(true),
  /** AEAD suites that domains without `cloneSafe` may use, and brokers: offered to these, best first. */
  suites: z
    .array(z.enum(AEAD_SUITES))
    .min(1)
    .default([...FAST_SUITES]),
  /** The AEAD provider: `in-place`, `node` or `noble`. Unset: in-place if it loads, otherwise node. */
  aead: z.enum(AEAD_PROVIDERS).nullable().default(null),
  log: z
    .strictObject({
      level: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
    })
    .prefault({}),
  limits: z
    .strictObject({
      /** Sum of the lengths of one domain's rings, bytes. */
      ringBytesPerDomain: z
        .int()
        .min(MIN_RING_BYTES)
        .max(128 * MAX_RING_BYTES)
        .default(RING_BYTES_PER_DOMAIN),
      /** Bytes of broker memory for the messages of all domains; null = a quarter of the machine's memory. */
      memoryBytes: z
        .int()
        .min(MIN_MEMORY_BYTES)
        .max(2 ** 44)
        .nullable()
        .default(null),
      /**
       * How old the keys of a running session may get before it agrees on fresh ones, minutes; with the answer's time
       * an hour at most.
       */
      freshKeysMinutes: z.int().min(1).max(50).default(50),
      /** Bytes an hour that one domain may add to the audit log. Beyond that its events are only counted. */
      auditBytesPerHour: z
        .int()
        .min(MIN_DOMAIN_BYTES_PER_HOUR)
        .max(2 ** 40)
        .default(DOMAIN_BYTES_PER_HOUR),
    })
    .prefault({}),
});

export type BrokerOptionsInput = z.input<typeof brokerOptions>;
/** The parsed file, with the audit directory apart from what is kept in it. */
export interface BrokerOptions extends Omit<z.output<typeof brokerOptions>, 'audit'> {
  readonly audit: string;
  readonly retention: RetentionOptions;
  readonly witnesses: readonly {
    readonly url: string;
    readonly key?: string | undefined;
    readonly name?: string | undefined;
  }[];
  /** How many witnesses must have seen the log when it is verified. */
  readonly quorum: number;
}

/**
 * Fills in the defaults and makes paths absolute, relative to `base`. Throws ERR_BROKER_CONFIG naming every bad key.
 */
export function resolveOptions(input: unknown, base: string, origin = 'options'): BrokerOptions {
  const parsed = brokerOptions.safeParse(input, OUR_WORDS);
  if (!parsed.success) {
    const issues = parsed.error.issues.flatMap(ofClosestForm).map(problemOf).join('; ');
    throw new BrokerError('ERR_BROKER_CONFIG', `${origin}: ${issues}`);
  }
  const options = parsed.data;
  if (options.policy.source === 'nats' && options.nats === null)
    throw new BrokerError('ERR_BROKER_CONFIG', `${origin}: nats: "source: nats" needs the address of the server`);
  const { quorum, witnesses } = options.audit;
  if (quorum > witnesses.length)
    throw new BrokerError('ERR_BROKER_CONFIG', `${origin}: audit.quorum: ${quorum} of ${witnesses.length} witnesses`);
  return {
    ...options,
    identity: resolve(base, options.identity),
    policy: { ...options.policy, directory: resolve(base, options.policy.directory) },
    audit: resolve(base, options.audit.directory),
    retention: {
      keepMs: options.audit.keep,
      totalBytes: options.audit.total,
      warnAt: options.audit.warnAt,
      rotateMs: options.audit.rotate,
      compress: options.audit.compress,
    },
    witnesses,
    quorum,
    runtime: resolve(base, options.runtime),
    control: {
      ...options.control,
      shared: options.control.shared === null ? null : resolve(base, options.control.shared),
    },
  };
}

/** A key that takes a path or an object: what is wrong with the object, where an object was given. */
function ofClosestForm(issue: z.core.$ZodIssue): readonly z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const ofObject = issue.errors.find((issues) =>
    issues.every(({ path: at, code }) => at.length > 0 || code === 'unrecognized_keys'),
  );
  return ofObject?.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })) ?? [issue];
}

/** Reads argus.yaml; paths in it are relative to the file. */
export function readOptions(file: string): BrokerOptions {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new BrokerError(
      'ERR_BROKER_CONFIG_FILE',
      `cannot read "${file}": ${reasonOf(cause)}; docs/broker.md shows one`,
      { cause },
    );
  }
  const content = readYamlText(text);
  if (!content.ok) throw new BrokerError('ERR_BROKER_CONFIG', `${file}${content.problem}`);
  return resolveOptions(content.value, dirname(resolve(file)), file);
}
