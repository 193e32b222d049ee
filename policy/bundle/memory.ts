/**
 * The bundle that was accepted last, on disk: the broker starts with it when its source fails, and refuses older ones.
 *
 * One file holds both, so the remembered version is always that of the remembered files.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import * as z from 'zod';
import { reasonOf } from '../../broker/base/index.ts';
import { replaceFile } from '../../broker/files/index.ts';
import { PolicyError } from '../read/index.ts';
import type { AcceptedVersions } from './accept.ts';
import { type Bundle, decodeBundle, encodeBundle } from './bundle.ts';
import { MAX_BUNDLE_BYTES } from './limits.ts';

export interface KeptBundle {
  readonly versions: AcceptedVersions;
  readonly bundle: Bundle;
}

export interface BundleMemory {
  /** Null: no bundle was accepted yet. @throws PolicyError ERR_POLICY_BUNDLE when what is there cannot be read */
  read(): Promise<KeptBundle | null>;
  /** Resolves when it is on disk. */
  keep(kept: KeptBundle): Promise<void>;
}

const MODE = 0o600;
const { O_NOFOLLOW, O_RDONLY } = constants;
const keptFile = z.strictObject({
  version: z.int().positive(),
  policy: z.string().regex(/^[0-9a-f]{64}$/),
  assertionsVersion: z.int().nonnegative(),
  bundle: z.string(),
});

/** @param path in a directory that only the broker's user can write to */
export function bundleMemory(path: string): BundleMemory {
  return { read: () => readKept(path), keep: (kept) => writeKept(path, kept) };
}

/** In memory, for tests. */
export function volatileBundleMemory(first: KeptBundle | null = null): BundleMemory {
  let kept = first;
  return {
    read: async () => kept,
    keep: async (next) => {
      kept = next;
    },
  };
}

async function readKept(path: string): Promise<KeptBundle | null> {
  let text: string;
  try {
    const handle = await open(path, O_RDONLY | O_NOFOLLOW);
    try {
      if ((await handle.stat()).size > 2 * MAX_BUNDLE_BYTES) throw new Error('it is too large');
      text = await handle.readFile('utf8');
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw unreadable(path, reasonOf(error));
  }
  const parsed = keptFile.safeParse(parseJson(text));
  const bundle = parsed.success ? decodeBundle(parsed.data.bundle) : null;
  if (!parsed.success || bundle === null) throw unreadable(path, 'it is damaged');
  const { version, policy, assertionsVersion } = parsed.data;
  return { versions: { version, policy, assertionsVersion }, bundle };
}

/** Without the file an older bundle could come back, so a damaged one is never taken for none. */
function unreadable(path: string, reason: string): PolicyError {
  return new PolicyError(
    'ERR_POLICY_BUNDLE',
    `"${path}" cannot be read (${reason}); it holds the last accepted bundle: restore it from a backup, or remove it and accept that older bundles count again`,
  );
}

function writeKept(path: string, { versions, bundle }: KeptBundle): Promise<void> {
  return replaceFile(path, JSON.stringify({ ...versions, bundle: encodeBundle(bundle) }), MODE);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
