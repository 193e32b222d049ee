/** Errors of the device process, each with a stable code. A guest or a VMM cannot cause one: its faults are values. */
import { CodedError } from '../../../broker/base/index.ts';

/** Each code is explained in docs/devices.md; a test compares the two lists. */
export const DEVICE_ERROR_CODES = [
  // the operator's mistake, before anything runs
  'ERR_DEVICE_OPTION',
  'ERR_DEVICE_CID',
  'ERR_DEVICE_KOFFI',
  // the host refused
  'ERR_DEVICE_SOCKET',
  'ERR_DEVICE_SYSTEM',
  // the domain at the other end of a virtio-msg bus
  'ERR_DEVICE_ANSWER',
  'ERR_DEVICE_LOST',
] as const;

export class DeviceError extends CodedError<(typeof DEVICE_ERROR_CODES)[number]> {
  override readonly name = 'DeviceError';
}
