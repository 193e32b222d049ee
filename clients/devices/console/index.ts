/** The console of a virtio device: a line of bytes each way (VIRTIO 1.2 §5.3). */
export { ConsoleDevice } from './device.ts';
