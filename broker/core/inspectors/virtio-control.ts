/**
 * Messages of virtio-msg between a driver and a device (clients/devices/virtio-msg): the permission is the message. A
 * response asks for `answer`, whatever it answers, so that a domain that may answer may not ask.
 *
 *   u8 layout · u8 0 · u16 0
 *   layout 1  u8 type · u8 id · u16 device · u16 size · payload
 *   layout 2  u8 type · u8 id · u16 device · u16 token · u16 size · payload
 *
 * A message that names an address of a queue, or asks for shared memory, is refused: with this class no memory of one
 * domain has a name that means something in another.
 */
import { type Inspector, MALFORMED } from './inspector.ts';

const PREFIX_BYTES = 4;
const TYPE_OFFSET = 4;
const ID_OFFSET = 5;
const DEVICE_OFFSET = 6;
const LAYOUT_RFC = 1;
const LAYOUT_DRAFT = 2;
const TYPE_RESPONSE = 1;
const TYPE_BUS = 2;

const GET_QUEUE = 0x09;
const SET_QUEUE = 0x0a;
const QUEUE_ADDRESS_BYTES = 24;

const permissions = [
  'device-info',
  'get-features',
  'set-features',
  'get-config',
  'set-config',
  'get-status',
  'set-status',
  'get-queue',
  'set-queue',
  'reset-queue',
  'event-config',
  'event-avail',
  'event-used',
  'chain',
  'used',
  'get-devices',
  'ping',
  'event-device',
  'answer',
] as const;
type Permission = (typeof permissions)[number];
const ANSWER = permissions.indexOf('answer');

/** Shortest payload of a request or event, by its number. */
const DEVICE_MESSAGES: Readonly<Record<number, readonly [permission: Permission, minBytes: number]>> = {
  2: ['device-info', 0],
  3: ['get-features', 8],
  4: ['set-features', 8],
  5: ['get-config', 8],
  6: ['set-config', 12],
  7: ['get-status', 0],
  8: ['set-status', 4],
  9: ['get-queue', 4],
  10: ['set-queue', 12 + QUEUE_ADDRESS_BYTES],
  11: ['reset-queue', 4],
  64: ['event-config', 16],
  65: ['event-avail', 8],
  66: ['event-used', 4],
  192: ['chain', 12],
  193: ['used', 8],
};

const BUS_MESSAGES: Readonly<Record<number, readonly [permission: Permission, minBytes: number]>> = {
  2: ['get-devices', 4],
  3: ['ping', 4],
  64: ['event-device', 4],
};

interface Known {
  readonly index: number;
  readonly minBytes: number;
}

/** By the number of the message, 0 … 255; null: no message of this class. */
function tableOf(messages: typeof DEVICE_MESSAGES): readonly (Known | null)[] {
  return Array.from({ length: 256 }, (_, id) => {
    const found = messages[id];
    return found === undefined ? null : { index: permissions.indexOf(found[0]), minBytes: found[1] };
  });
}

const DEVICE_TABLE = tableOf(DEVICE_MESSAGES);
const BUS_TABLE = tableOf(BUS_MESSAGES);

export const virtioControl: Inspector = {
  permissions,
  inspect: (bytes, start, end) => {
    const layout = bytes[start];
    const header = layout === LAYOUT_RFC ? 6 : layout === LAYOUT_DRAFT ? 8 : 0;
    const payload = end - start - PREFIX_BYTES - header;
    if (header === 0 || payload < 0) return MALFORMED;
    if (bytes[start + 1] !== 0 || bytes[start + 2] !== 0 || bytes[start + 3] !== 0) return MALFORMED;
    const sizeAt = start + PREFIX_BYTES + header - 2;
    if ((bytes[sizeAt] ?? 0) + 256 * (bytes[sizeAt + 1] ?? 0) !== header + payload) return MALFORMED;
    const type = bytes[start + TYPE_OFFSET] ?? 0;
    if (type > (TYPE_RESPONSE | TYPE_BUS)) return MALFORMED;
    const isBus = (type & TYPE_BUS) !== 0;
    if (isBus && (bytes[start + DEVICE_OFFSET] !== 0 || bytes[start + DEVICE_OFFSET + 1] !== 0)) return MALFORMED;
    const id = bytes[start + ID_OFFSET] ?? 0;
    const known = (isBus ? BUS_TABLE : DEVICE_TABLE)[id] ?? null;
    if (known === null) return MALFORMED;
    const isResponse = (type & TYPE_RESPONSE) !== 0;
    if (!isBus && (isResponse ? id === GET_QUEUE : id === SET_QUEUE) && hasAddress(bytes, start, end)) return MALFORMED;
    if (isResponse) return ANSWER;
    return payload < known.minBytes ? MALFORMED : known.index;
  },
};

/** The three addresses of a queue are the last bytes of the messages that have them, in both layouts. */
function hasAddress(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = Math.max(start, end - QUEUE_ADDRESS_BYTES); at < end; at++) if (bytes[at] !== 0) return true;
  return false;
}
