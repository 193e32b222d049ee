/**
 * The physical limit of this machine, measured in the same run: what a broker cannot do without.
 *
 *   relay   passing the bytes from socket to socket in a small Node process (the arm `raw-relay`)
 *   aead    opening the record and sealing it again, at the speed that `openssl speed` shows for records of this length
 *   copy    one memcpy, from the sender's record to the receiver's
 *
 * All in µs of CPU per message. The broker's distance is its own µs divided by the sum.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { DATA_FRAME_HEADER_BYTES, MAX_RECORD_PLAINTEXT_BYTES } from '../../broker/wire/index.ts';
import { findProgram } from '../arms/server-process.ts';
import { windowOf } from '../throughput/plan.ts';
import type { Report } from './report.ts';

export interface Limit {
  readonly size: number;
  readonly relayMicros: number;
  readonly aeadMicros: number;
  readonly copyMicros: number;
  /** Their sum. */
  readonly limitMicros: number;
  /** Of the arm `argus-unix`. */
  readonly brokerMicros: number;
  readonly ratio: number;
}

/** Bytes per second of one AEAD pass over records of this length. */
export type AeadSpeed = (recordBytes: number) => Promise<number>;

/** Sizes where `raw-relay` or `argus-unix` has no figure are left out. */
export async function limitsOf(report: Report, aeadSpeed: AeadSpeed, copyBytesPerSecond: number): Promise<Limit[]> {
  const limits: Limit[] = [];
  for (const size of new Set(report.arms.map((cell) => cell.size))) {
    const microsOf = (arm: string): number | undefined =>
      report.arms.find((cell) => cell.arm === arm && cell.size === size)?.brokerMicrosPerMessage;
    const [relayMicros, brokerMicros] = [microsOf('raw-relay'), microsOf('argus-unix')];
    if (relayMicros === undefined || brokerMicros === undefined) continue;
    const frameBytes = DATA_FRAME_HEADER_BYTES + size;
    const aeadMicros = (2 * frameBytes * 1e6) / (await aeadSpeed(recordBytes(size)));
    const copyMicros = (frameBytes * 1e6) / copyBytesPerSecond;
    const limitMicros = relayMicros + aeadMicros + copyMicros;
    const ratio = brokerMicros / limitMicros;
    limits.push({ size, relayMicros, aeadMicros, copyMicros, limitMicros, brokerMicros, ratio });
  }
  return limits;
}

/** Frames of a full stream share a record: as many as fit, out of a burst of the bench's sender. */
export function recordBytes(size: number): number {
  const frameBytes = DATA_FRAME_HEADER_BYTES + size;
  const frames = Math.max(1, Math.floor(MAX_RECORD_PLAINTEXT_BYTES / frameBytes));
  return frameBytes * Math.min(frames, windowOf(size).quantum);
}

/** @throws Error when openssl is not installed */
export async function opensslSpeed(bytes: number): Promise<number> {
  const program = await findProgram('openssl');
  if (program === null) throw new Error('--limit needs the program openssl: install the package openssl');
  const args = ['speed', '-evp', 'aes-256-gcm', '-bytes', String(bytes), '-seconds', '1', '-mr'];
  const { stdout } = await promisify(execFile)(program, args);
  return parseSpeed(stdout);
}

/** The machine-readable line of `openssl speed -mr`: `+F:22:AES-256-GCM:2849929950.00`. */
export function parseSpeed(output: string): number {
  const speed = Number(/^\+F:\d+:[^:]+:([\d.]+)/m.exec(output)?.[1]);
  if (!(speed > 0)) throw new Error('openssl speed printed no figure');
  return speed;
}

const COPY_BYTES = MAX_RECORD_PLAINTEXT_BYTES;
const COPIES = 4_000;

/** Bytes per second of `Uint8Array.set` between two record buffers, in CPU time: other processes disturb it little. */
export function copySpeed(): number {
  const [from, to] = [new Uint8Array(COPY_BYTES).fill(1), new Uint8Array(COPY_BYTES)];
  const copy = (): number => {
    const before = process.cpuUsage();
    for (let i = 0; i < COPIES; i++) to.set(from);
    const { user, system } = process.cpuUsage(before);
    return (COPIES * COPY_BYTES * 1e6) / (user + system);
  };
  copy(); // until the memory is there
  return copy();
}
