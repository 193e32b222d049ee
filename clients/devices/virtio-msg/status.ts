/** Bits of a device's status (VIRTIO 1.2 §2.1), and the feature that every driver has to know. */
export const Status = {
  acknowledge: 1,
  driver: 2,
  driverOk: 4,
  featuresOk: 8,
  needsReset: 64,
  failed: 128,
} as const;

export const FEATURE_VERSION_1 = 1n << 32n;
