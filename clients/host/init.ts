/**
 * Makes a working host in an empty directory: the authority, the broker's identity, a policy, the broker's configuration, and
 * a systemd unit.
 *
 * The directory is built next to its final place and renamed, so that a failure leaves nothing half-made.
 */
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { reasonOf } from '../../broker/base/index.ts';
import {
  createAuthority,
  DEFAULT_TTL_SECONDS,
  handOverRegister,
  issueIdentity,
  type Sealing,
} from '../../keys/index.ts';
import { copyShippedPolicy } from '../../policy/index.ts';
import { HostError } from './errors.ts';
import { type HostTemplate, policyOf } from './templates.ts';

/** Name of the broker's configuration in a host's directory. */
export const HOST_CONFIG = 'argus.yaml';
/** Private keys lie in this directory, so no other user may enter it. */
const DIRECTORY_MODE = 0o700;

const CONFIG = `# The broker's configuration; every key is explained in docs/broker.md. Paths are relative to this file.
identity: broker
policy: policy
audit: audit
runtime: run
`;

/** All of it but the policy is secret or made at run time, so none of it belongs in a repository. */
const IGNORED = `authority/
broker/
vms/
audit/
run/
`;

export interface HostTerms {
  /** Kind of host; decides the policy. */
  readonly template?: HostTemplate;
  /** Who makes it, for the register of the authority. */
  readonly by?: string | null;
}

/**
 * @param directory must not exist, or be empty
 * @param broker name of the broker, as its domains will know it
 * @param sealing of both keys; the keys of virtual machines follow (`addVm`)
 * @throws HostError ERR_HOST_NOT_EMPTY, ERR_HOST_DIRECTORY; KeyError ERR_KEY_PASSPHRASE, and nothing is left behind
 */
export async function initHost(
  directory: string,
  broker: string,
  sealing: Sealing,
  { template = 'desktop', by = null }: HostTerms = {},
): Promise<void> {
  const target = resolve(directory);
  await requireEmpty(target);
  const work = join(dirname(target), `.${basename(target)}.${process.pid}.new`);
  try {
    await mkdir(work, { recursive: true, mode: DIRECTORY_MODE });
    const authority = await createAuthority(join(work, 'authority'), sealing, by);
    const terms = { name: broker, role: 'broker', ttlSeconds: DEFAULT_TTL_SECONDS } as const;
    await issueIdentity(authority, join(work, 'broker'), terms, sealing);
    await handOverRegister(authority, join(work, 'broker'));
    await copyShippedPolicy(join(work, 'policy'), policyOf(template));
    await mkdir(join(work, 'vms'), { mode: DIRECTORY_MODE });
    await writeFile(join(work, HOST_CONFIG), CONFIG);
    await writeFile(join(work, '.gitignore'), IGNORED);
    await writeFile(join(work, 'argus.service'), serviceUnit(target));
    await rename(work, target);
  } catch (cause) {
    await rm(work, { recursive: true, force: true });
    if (cause instanceof Error && 'code' in cause && String(cause.code).startsWith('ERR_')) throw cause;
    const reason = reasonOf(cause);
    throw new HostError('ERR_HOST_DIRECTORY', `cannot make a host in "${directory}": ${reason}`, { cause });
  }
}

async function requireEmpty(directory: string): Promise<void> {
  const entries = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new HostError('ERR_HOST_DIRECTORY', `"${directory}" cannot be used: ${reasonOf(error)}`, { cause: error });
  });
  if (entries.length > 0)
    throw new HostError('ERR_HOST_NOT_EMPTY', `"${directory}" is not empty; nothing was written. Name a new directory`);
}

/** The unit confines the broker to its own directory; `systemd-analyze security argus` scores it. */
function serviceUnit(directory: string): string {
  return `# Copy to /etc/systemd/system/argus.service, then: systemctl enable --now argus
[Unit]
Description=Argus message broker
After=local-fs.target

[Service]
Type=exec
ExecStart=/usr/bin/env argus broker --config ${directory}/${HOST_CONFIG}
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
# Every VM waits for the broker, so its turn comes before that of any one VM.
Nice=-10
UMask=0077
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths=${directory}
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
LockPersonality=yes
CapabilityBoundingSet=

[Install]
WantedBy=multi-user.target
`;
}
