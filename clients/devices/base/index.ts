/** The base that every part of the device process uses. */
export { DEVICE_ERROR_CODES, DeviceError } from './errors.ts';
export { LimitedLines } from './limited-lines.ts';
export {
  ACCEPTS_PER_WAKE_UP,
  CHAINS_PER_WAKE_UP,
  MAX_INDIRECT_DESCRIPTORS,
  MAX_MEMORY_REGIONS,
  MAX_MESSAGE_DESCRIPTORS,
  MAX_WRITABLE_BYTES,
  RING_RETRY_MS,
} from './limits.ts';
