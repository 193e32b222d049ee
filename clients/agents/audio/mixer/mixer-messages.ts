/**
 * Messages of class `audio-mixer`, little-endian; the broker's inspector of that name reads the permission out of the
 * first word and checks the length.
 *
 *   read        u32 1
 *   set-volume  u32 2, u16 domid, u16 percent
 *   mute        u32 3, u16 domid, u16 0 | 1
 *   set-route   u32 4, u16 domid, u16 length, name (length 0 = the default sink)
 *   state       u32 5, u16 domid, u16 percent, u8 flags, u8 length of name, u8 length of route, u8 0, name, route
 *
 * A state can carry two names of at most 63 and 128 bytes and a few bits: no room for what a VM plays or hears.
 */
import { MAX_ROUTE_BYTES } from '../limits.ts';
import { DEFAULT_SETTING, type MixerSetting } from './mixer-state.ts';

const Op = { read: 1, setVolume: 2, mute: 3, setRoute: 4, state: 5 } as const;
const COMMAND_BYTES = 8;
const STATE_BYTES = 12;
const MAX_NAME_BYTES = 63;

export const StateFlag = { muted: 1, corked: 2, asked: 4, granted: 8, capturing: 16, present: 32, last: 64 } as const;

export type MixerCommand =
  | { readonly kind: 'read' }
  | { readonly kind: 'set-volume'; readonly domid: number; readonly percent: number }
  | { readonly kind: 'mute'; readonly domid: number; readonly isMuted: boolean }
  | { readonly kind: 'set-route'; readonly domid: number; readonly route: string | null };

/** One VM as the mixer shows it. */
export interface MixerEntry extends MixerSetting {
  readonly domid: number;
  readonly name: string;
  /** Bits of StateFlag. */
  readonly flags: number;
}

export function encodeCommand(command: MixerCommand): Uint8Array {
  if (command.kind === 'read') return words(4, (view) => view.setUint32(0, Op.read, true));
  const head = (op: number, value: number) => (view: DataView) => {
    view.setUint32(0, op, true);
    view.setUint16(4, command.domid, true);
    view.setUint16(6, value, true);
  };
  if (command.kind === 'set-volume') return words(COMMAND_BYTES, head(Op.setVolume, command.percent));
  if (command.kind === 'mute') return words(COMMAND_BYTES, head(Op.mute, Number(command.isMuted)));
  const route = Buffer.from(command.route ?? '', 'latin1');
  return Buffer.concat([words(COMMAND_BYTES, head(Op.setRoute, route.length)), route]);
}

/** Null for anything else. */
export function decodeCommand(bytes: Uint8Array): MixerCommand | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 4) return null;
  const op = view.getUint32(0, true);
  if (op === Op.read) return bytes.length === 4 ? { kind: 'read' } : null;
  if (bytes.length < COMMAND_BYTES) return null;
  const domid = view.getUint16(4, true);
  const value = view.getUint16(6, true);
  if (op === Op.setRoute && bytes.length === COMMAND_BYTES + value && value <= MAX_ROUTE_BYTES) {
    const route = Buffer.from(bytes.subarray(COMMAND_BYTES)).toString('latin1');
    return { kind: 'set-route', domid, route: value === 0 ? null : route };
  }
  if (bytes.length !== COMMAND_BYTES) return null;
  if (op === Op.setVolume) return { kind: 'set-volume', domid, percent: value };
  if (op === Op.mute && value <= 1) return { kind: 'mute', domid, isMuted: value === 1 };
  return null;
}

export function encodeState(entry: MixerEntry): Uint8Array {
  const name = Buffer.from(entry.name, 'latin1');
  const route = Buffer.from(entry.route ?? '', 'latin1');
  const head = words(STATE_BYTES, (view) => {
    view.setUint32(0, Op.state, true);
    view.setUint16(4, entry.domid, true);
    view.setUint16(6, entry.volume, true);
    view.setUint8(8, entry.flags | (entry.isMuted ? StateFlag.muted : 0));
    view.setUint8(9, name.length);
    view.setUint8(10, route.length);
  });
  return Buffer.concat([head, name, route]);
}

/** Null for anything else. */
export function decodeState(bytes: Uint8Array): MixerEntry | null {
  if (bytes.length < STATE_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const nameEnd = STATE_BYTES + view.getUint8(9);
  const end = nameEnd + view.getUint8(10);
  if (view.getUint32(0, true) !== Op.state || view.getUint8(11) !== 0) return null;
  if (bytes.length !== end || nameEnd - STATE_BYTES > MAX_NAME_BYTES || end - nameEnd > MAX_ROUTE_BYTES) return null;
  const text = (from: number, to: number): string => Buffer.from(bytes.subarray(from, to)).toString('latin1');
  const flags = view.getUint8(8);
  return {
    ...DEFAULT_SETTING,
    domid: view.getUint16(4, true),
    name: text(STATE_BYTES, nameEnd),
    volume: view.getUint16(6, true),
    isMuted: (flags & StateFlag.muted) !== 0,
    route: end === nameEnd ? null : text(nameEnd, end),
    flags,
  };
}

function words(length: number, write: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(length);
  write(new DataView(bytes.buffer));
  return bytes;
}
