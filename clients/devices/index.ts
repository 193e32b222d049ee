/** Devices for guests without any software of Argus: `argus device` (docs/devices.md). */
export { DEVICE_ERROR_CODES, DeviceError } from './base/index.ts';
export { type Devices, startDevices } from './devices.ts';
export { MAX_NET_QUEUE_PAIRS } from './net/index.ts';
export { resolveDevices } from './options.ts';
