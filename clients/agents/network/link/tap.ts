/** Attaches a link to a TAP device, which is made if it is not there. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { run } from '../command.ts';
import { NetError } from '../errors.ts';
import { TAP_READY_TIMEOUT_MS } from '../limits.ts';
import { Attachment } from './attachment.ts';
import { SegmentTap } from './segment-tap.ts';
import type { TapCalls } from './tap-calls.ts';
import { TAP_HELPER } from './tap-helper.ts';

export interface TapOptions {
  /** Name of the device, at most 15 characters. */
  readonly device: string;
  /** MAC that the inventory gives this domain; the device gets it. Null: the device has it already. */
  readonly mac: string | null;
  /** Bytes; null leaves the kernel's 1500. */
  readonly mtu: number | null;
  /** The device stays when this process has gone, with its addresses and the routes through it. */
  readonly persist: boolean;
}

const DEVICE_NAME = /^[A-Za-z0-9_.-]{1,15}$/;

/**
 * Frames that leave work to the other end pass, as packets with their header. Reads when the device is up.
 *
 * @throws NetError ERR_NET_TAP, ERR_NET_COMMAND
 */
export async function attachSegmentTap(
  calls: TapCalls,
  options: TapOptions,
  onPacket: (packet: Buffer) => void,
  onEnd: (error: Error | null) => void,
): Promise<SegmentTap> {
  checkName(options.device);
  const attachment = new SegmentTap(calls.open(options.device, options.persist), onPacket, onEnd);
  try {
    await setUp(options);
  } catch (error) {
    attachment.close();
    throw error;
  }
  attachment.start();
  return attachment;
}

/** Frames of one MTU, through a helper: for a process without koffi. @throws NetError ERR_NET_TAP, ERR_NET_COMMAND */
export async function attachTap(
  options: TapOptions,
  onFrame: (frame: Uint8Array) => void,
  onEnd: (error: Error | null) => void,
): Promise<Attachment> {
  const { device, persist } = options;
  checkName(device);
  const helper = spawn('perl', ['-e', TAP_HELPER, device, persist ? '1' : '0'], { stdio: ['pipe', 'pipe', 'pipe'] });
  await untilReady(helper, device);
  const attachment = new Attachment(helper.stdout, helper.stdin, onFrame, onEnd);
  try {
    await setUp(options);
  } catch (error) {
    attachment.close();
    throw error;
  }
  return attachment;
}

function checkName(device: string): void {
  if (!DEVICE_NAME.test(device)) throw new NetError('ERR_NET_TAP', `"${device}" is no name of a network device`);
}

async function setUp({ device, mac, mtu }: TapOptions): Promise<void> {
  // The address before the device goes up: not one frame leaves with another.
  if (mac !== null) await run('ip', ['link', 'set', 'dev', device, 'address', mac]);
  await run('ip', ['link', 'set', 'dev', device, ...(mtu === null ? [] : ['mtu', String(mtu)]), 'up']);
}

function untilReady(helper: ChildProcessWithoutNullStreams, device: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    const fail = (reason: string): void => {
      clearTimeout(timer);
      helper.kill();
      reject(new NetError('ERR_NET_TAP', `TAP device "${device}": ${reason}`));
    };
    const timer = setTimeout(() => fail('the helper did not come up'), TAP_READY_TIMEOUT_MS);
    helper.on('error', (error) => fail(`cannot run perl: ${error.message}`));
    helper.once('close', () => fail(said.trim() || 'the helper ended'));
    helper.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      if (!said.startsWith('ready\n')) return;
      clearTimeout(timer);
      resolve();
    });
  });
}
