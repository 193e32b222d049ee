/** Virtio-msg over Argus: `import { offerVirtioMsg, openVirtioMsg } from 'argus-broker/virtio-msg'` (docs/virtio-msg.md). */
export { ConsoleDevice } from '../console/index.ts';
export { type NetCounts, NetDevice, type NetDeviceOptions } from '../net/index.ts';
export { type SoundCounts, SoundDevice, type SoundSide } from '../sound/index.ts';
export {
  type DeviceService,
  type OfferedDevices,
  type OpenDevice,
  offerVirtioMsg,
  openVirtioMsg,
  type WantedDevice,
} from './argo-bus.ts';
export type { DeviceEndOptions } from './device-end.ts';
export type { DriverEnd } from './driver-end.ts';
export { MessageLayout } from './message.ts';
export type { DeviceInfo } from './payload.ts';
