/** Carriers as the caller writes them, `unix:/path`, `tcp:host:port`, `serial:/dev/…`: one row of a table per scheme. */

import { parseHostPort } from '../../../broker/base/index.ts';
import { ArgusError } from '../errors.ts';
import { findAgentSocket } from './agent-socket.ts';
import type { OpenCarrier } from './carrier.ts';
import { openNats } from './nats.ts';
import { openSerial } from './serial.ts';
import { openSocket } from './socket.ts';

type ParseCarrier = (rest: string, spec: string) => OpenCarrier;

/** A Map, so that a scheme like "constructor" finds nothing. A new carrier is a new row. */
const SCHEMES: ReadonlyMap<string, ParseCarrier> = new Map([
  ['unix', (rest, spec) => parseUnix(rest, spec)],
  ['tcp', parseTcp],
  ['serial', parseSerial],
  ['agent', parseAgent],
  ['nats', (_, spec) => (events, signal, owner) => openNats(spec, events, signal, owner)],
]);

/** sun_path of Linux holds 108 bytes with the final NUL. */
const MAX_UNIX_PATH_BYTES = 107;

/** @throws ArgusError ERR_CLIENT_CARRIER */
export function parseCarrier(spec: string): OpenCarrier {
  const colon = spec.indexOf(':');
  const parse = colon < 0 ? undefined : SCHEMES.get(spec.slice(0, colon));
  if (parse === undefined)
    throw carrierError(spec, `expected one of ${[...SCHEMES.keys()].map((s) => `${s}:…`).join(', ')}`);
  return parse(spec.slice(colon + 1), spec);
}

function parseUnix(path: string, spec: string, form = 'unix:/absolute/path'): OpenCarrier {
  if (!path.startsWith('/')) throw carrierError(spec, `expected ${form}`);
  if (path.includes('\0')) throw carrierError(spec, 'a path cannot hold a NUL');
  if (Buffer.byteLength(path) > MAX_UNIX_PATH_BYTES)
    throw carrierError(
      spec,
      `a unix socket's path has at most ${MAX_UNIX_PATH_BYTES} bytes, got ${Buffer.byteLength(path)}`,
    );
  return (events, signal) => openSocket({ path }, events, signal);
}

function parseAgent(path: string, spec: string): OpenCarrier {
  const form = 'agent: or agent:/absolute/path';
  if (path !== '') return parseUnix(path, spec, form);
  // Found at each connection: the agent may be another one by then.
  return async (events, signal, owner) => parseUnix(await findAgentSocket(), spec, form)(events, signal, owner);
}

function parseTcp(rest: string, spec: string): OpenCarrier {
  const address = parseHostPort(rest);
  if (address === null || address.port === 0 || !/^[0-9A-Za-z.:-]+$/.test(address.host))
    throw carrierError(spec, 'expected tcp:host:port with a port of 1 … 65535 (an IPv6 address in brackets)');
  return (events, signal) => openSocket({ ...address, noDelay: true }, events, signal);
}

function parseSerial(path: string, spec: string): OpenCarrier {
  if (!path.startsWith('/') || path.includes('\0'))
    throw carrierError(spec, 'expected serial:/dev/virtio-ports/NAME, the port of a virtual machine');
  return (events, signal) => openSerial(path, events, signal);
}

function carrierError(spec: string, expected: string): ArgusError {
  return new ArgusError('ERR_CLIENT_CARRIER', `carrier "${spec}": ${expected}`);
}
