/** The versions of the compared programs: a figure without them cannot be repeated. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { findProgram } from '../arms/server-process.ts';

/** Of a tool, and how it is asked for its version. */
export type VersionQuestion = readonly [name: string, args: string[]];

export async function findVersions(tools: readonly VersionQuestion[] = []): Promise<Record<string, string>> {
  const found = await Promise.all([
    packageVersion('argus-broker', '../../package.json'),
    packageVersion('nats.js', '../../node_modules/nats/package.json'),
    packageVersion('mqtt.js', '../../node_modules/mqtt/package.json'),
    serverVersion('nats-server', ['--version']),
    serverVersion('mosquitto', ['-h']),
    ...tools.map(([name, args]) => serverVersion(name, args)),
  ]);
  return Object.fromEntries(found.filter((entry) => entry !== null));
}

async function packageVersion(name: string, path: string): Promise<[string, string] | null> {
  try {
    const { version } = JSON.parse(await readFile(new URL(path, import.meta.url), 'utf8'));
    return [name, String(version)];
  } catch {
    return null;
  }
}

/** Exit codes are ignored: mosquitto prints its version with its help text and then fails. */
async function serverVersion(name: string, args: string[]): Promise<[string, string] | null> {
  const program = await findProgram(name);
  if (program === null) return null;
  const output = await promisify(execFile)(program, args).catch((error: { stdout?: string }) => error);
  const version = /\d+\.\d+\.\d+/.exec(output.stdout ?? '')?.[0];
  return version === undefined ? null : [name, version];
}
