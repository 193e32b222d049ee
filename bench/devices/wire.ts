/** What two guests talk over in a benchmark, whatever carries it: bytes go in, and the other guest counts them. */
export interface Wire {
  /** Sends a message now. False: there is no room for it, and `onRoom` is called when there may be. */
  send(bytes: number): boolean;
  /** Messages since the last flush are announced to the other side. */
  flush(): void;
  close(): void;
}

export interface WireEvents {
  onBytes(count: number): void;
  onRoom(): void;
}

export type WireKind = 'vsock' | 'net' | 'segments' | 'ivshmem' | 'stream' | 'frames';

export interface WireSetup {
  readonly kind: WireKind;
  /** Socket of the device; without a device the socket between the two guests. */
  readonly socket: string;
  /** 0 begins; 1 answers. */
  readonly place: 0 | 1;
}

/** The two guests. */
export const GUESTS = [
  { name: 'chrome-vm', cid: 101, mac: [2, 0, 0, 0, 1, 1], ipv4: [10, 137, 1, 1] },
  { name: 'mail-vm', cid: 102, mac: [2, 0, 0, 0, 1, 2], ipv4: [10, 137, 1, 2] },
] as const;
export const VSOCK_PORT = 80;
export const SECTION_BYTES = 4_096;
/** An MTU of 9000 and its header: the most that a link takes as one frame. */
export const MAX_FRAME_BYTES = 9_014;
/** struct virtio_net_hdr_v1. */
export const NET_HEADER_BYTES = 12;
/** Where bytes are sent with a window, the other guest answers so often in each window. */
export const ANSWERS_PER_WINDOW = 4;
