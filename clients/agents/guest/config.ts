/** agent.yaml: every key with its default; an unknown key is an error that names it. */
import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, resolve } from 'node:path';
import { z } from 'zod';
import { reasonOf } from '../../../broker/base/index.ts';
import { OUR_WORDS, problemOf, readYamlText } from '../../../broker/config/index.ts';
import { type NetworkConfig, parseNetworkConfig as parseNetwork } from '../network/index.ts';
import { AgentError } from './errors.ts';
import { MAX_UNIX_PATH_BYTES } from './limits.ts';

const socketPath = z
  .string()
  .min(1)
  .refine((path) => Buffer.byteLength(path) <= MAX_UNIX_PATH_BYTES, `at most ${MAX_UNIX_PATH_BYTES} bytes`);

const schema = z.strictObject({
  /** Where the broker is reached: `serial:/dev/virtio-ports/argus.0`, `unix:/path`, `tcp:host:port`. */
  carrier: z.string().default('serial:/dev/virtio-ports/argus.0'),
  /** Directory with this domain's key and credential; made by enrolment if it is not there. */
  identity: z.string().min(1),
  /** Name that the broker must prove; null = any broker of the same authority. */
  broker: z.string().nullable().default(null),
  /**
   * True: no session without an AEAD that survives a machine that is saved and started more than once. The broker must
   * have `cloneSafe` for this domain too.
   */
  cloneSafe: z.boolean().default(false),
  /** The domain of the authority and its port: it renews this domain's credential before it ends. Null: nobody is asked. */
  renewal: z
    .strictObject({ domain: z.string().min(1), port: z.int().min(1).max(0xffff_ffff).default(17) })
    .nullable()
    .default(null),
  /** Unix socket for the programs of this machine. */
  socket: socketPath.default('/run/argus/agent.sock'),
  /** Permissions of that socket. A user that can open it speaks for this domain. */
  socketMode: z
    .string()
    .regex(/^0[0-7]{3}$/, 'expected an octal mode in quotes, as in "0660"')
    .default('0600'),
  /** First boot: how a credential is got when `identity` has none. */
  enrol: z
    .strictObject({
      /** This domain's name in the inventory. */
      name: z.string().min(1),
      /** Device or `unix:/path` that leads to `argus vm enrol` on the host. */
      port: z.string().min(1).default('/dev/virtio-ports/argus.enrol'),
      /** File with the one-time token. */
      token: z.string().min(1),
      /** True: where this machine has no passphrase, its key may lie on the disk in the clear. */
      unsealed: z.boolean().default(false),
    })
    .nullable()
    .default(null),
  /**
   * The audio agent: software that speaks the Qubes protocol finds its sockets in `vchan`, or is found by its own sockets
   * in `vchanConnect`.
   */
  audio: z
    .strictObject({
      audioVm: z.string().min(1).default('audio-vm'),
      vchan: z.string().min(1).optional(),
      vchanConnect: z.string().min(1).optional(),
    })
    .refine(
      ({ vchan, vchanConnect }) => (vchan === undefined) !== (vchanConnect === undefined),
      'expected "vchan" or "vchanConnect", and not both',
    )
    .nullable()
    .default(null),
  /** The parts of the network agent (docs/network.md): link, dhcp, announce, routes, connect, listen; absolute paths. */
  network: z.record(z.string(), z.unknown()).nullable().default(null),
});

type Parsed = z.output<typeof schema>;
export interface AgentConfig extends Omit<Parsed, 'network'> {
  readonly network: NetworkConfig | null;
}

/** Relative paths are relative to `base`. @throws AgentError ERR_AGENT_CONFIG naming every bad key */
export function resolveConfig(input: unknown, base: string, origin: string): AgentConfig {
  const parsed = schema.safeParse(input, OUR_WORDS);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(problemOf).join('; ');
    throw new AgentError('ERR_AGENT_CONFIG', `${origin}: ${problems}`);
  }
  const config = parsed.data;
  const enrol = config.enrol === null ? null : { ...config.enrol, token: absolute(base, config.enrol.token) };
  const { audio, carrier } = config;
  const identity = absolute(base, config.identity);
  return {
    ...config,
    identity,
    socket: absolute(base, config.socket),
    enrol,
    audio: audio === null ? null : absoluteVchans(base, audio),
    network:
      config.network === null ? null : parseNetwork({ ...config.network, carrier, identity }, `${origin}: network`),
  };
}

/** @throws AgentError ERR_AGENT_CONFIG_FILE, ERR_AGENT_CONFIG */
export function readConfig(file: string): AgentConfig {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    const reason = reasonOf(cause);
    throw new AgentError('ERR_AGENT_CONFIG_FILE', `cannot read "${file}": ${reason}; docs/agent.md shows one`, {
      cause,
    });
  }
  const content = readYamlText(text);
  if (!content.ok) throw new AgentError('ERR_AGENT_CONFIG', `${file}${content.problem}`);
  return resolveConfig(content.value, dirname(resolve(file)), file);
}

function absoluteVchans(base: string, audio: NonNullable<Parsed['audio']>): NonNullable<Parsed['audio']> {
  const { audioVm, vchan, vchanConnect } = audio;
  return {
    audioVm,
    ...(vchan === undefined ? {} : { vchan: absolute(base, vchan) }),
    ...(vchanConnect === undefined ? {} : { vchanConnect: absolute(base, vchanConnect) }),
  };
}

function absolute(base: string, path: string): string {
  return isAbsolute(path) ? path : resolve(base, path);
}
