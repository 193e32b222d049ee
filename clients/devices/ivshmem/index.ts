/** Regions and doorbells between guests, in the shape of ivshmem, with no page in common (docs/ivshmem.md). */
export { type IvshmemConfig, type IvshmemDevice, startIvshmem } from './device.ts';
export { framedLength, Layout } from './layout.ts';
export { type RegionMemory, SharedRegion } from './region.ts';
