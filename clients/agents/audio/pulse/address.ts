/** Where the sound server listens, and the cookie that it knows its users by, as libpulse finds them (PULSE_SERVER and others). */
import { readFileSync } from 'node:fs';
import type { NetConnectOpts } from 'node:net';
import { join } from 'node:path';

const COOKIE_BYTES = 256;
const DEFAULT_TCP_PORT = 4_713;

export function soundServerAddress(env: NodeJS.ProcessEnv): NetConnectOpts {
  const [first = ''] = (env.PULSE_SERVER ?? '').trim().split(/\s+/);
  const text = first.replace(/^\{[^}]*\}/, '');
  if (text.startsWith('unix:')) return { path: text.slice('unix:'.length) };
  if (text.startsWith('/')) return { path: text };
  if (text !== '') {
    const [, host = text, port] = /^(?:tcp[46]?:)?(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(text) ?? [];
    return { host: host.replace(/^\[|\]$/g, ''), port: port === undefined ? DEFAULT_TCP_PORT : Number(port) };
  }
  if (env.PULSE_RUNTIME_PATH !== undefined) return { path: join(env.PULSE_RUNTIME_PATH, 'native') };
  return { path: join(env.XDG_RUNTIME_DIR ?? `/run/user/${process.getuid?.() ?? 0}`, 'pulse', 'native') };
}

/** Zeros where there is none: a server that lets everybody in takes them. */
export function soundServerCookie(env: NodeJS.ProcessEnv): Uint8Array {
  const home = env.HOME ?? '/';
  const config = env.XDG_CONFIG_HOME ?? join(home, '.config');
  const paths = [env.PULSE_COOKIE, join(config, 'pulse', 'cookie'), join(home, '.pulse-cookie')];
  for (const path of paths) {
    if (path === undefined) continue;
    try {
      const bytes = readFileSync(path);
      if (bytes.length === COOKIE_BYTES) return bytes;
    } catch {
      // not there, or not ours to read: the next one
    }
  }
  return new Uint8Array(COOKIE_BYTES);
}
