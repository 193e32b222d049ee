/** Frames and packets for tests, built field by field: independent of the code that reads them. */

export function mac(text: string): number[] {
  return text.split(':').map((pair) => Number.parseInt(pair, 16));
}

export function ip(text: string): number[] {
  return text.split('.').map(Number);
}

export function u16(value: number): number[] {
  return [value >> 8, value & 255];
}

export const BROADCAST = 'ff:ff:ff:ff:ff:ff';

export function frame(destination: string, source: string, type: number, payload: readonly number[]): Uint8Array {
  return Uint8Array.from([...mac(destination), ...mac(source), ...u16(type), ...payload]);
}

export interface Arp {
  readonly operation?: number;
  readonly mac: string;
  readonly ipv4: string;
  readonly target?: string;
}

export function arp({ operation = 1, mac: hardware, ipv4, target = '10.137.0.2' }: Arp): number[] {
  return [0, 1, 8, 0, 6, 4, 0, operation, ...mac(hardware), ...ip(ipv4), 0, 0, 0, 0, 0, 0, ...ip(target)];
}

export interface Packet {
  readonly from: string;
  readonly to?: string;
  readonly protocol?: number;
  /** Flags and offset, as the header has them. */
  readonly fragment?: number;
  readonly options?: readonly number[];
  readonly payload?: readonly number[];
  readonly totalLength?: number;
}

export function ipv4Packet(packet: Packet): number[] {
  const { from, to = '10.137.0.2', protocol = 6, fragment = 0, options = [], payload = new Array(20).fill(1) } = packet;
  const header = 20 + options.length;
  const total = packet.totalLength ?? header + payload.length;
  return [
    0x40 | (header / 4),
    0,
    ...u16(total),
    0,
    1,
    ...u16(fragment),
    64,
    protocol,
    0,
    0,
    ...ip(from),
    ...ip(to),
    ...options,
    ...payload,
  ];
}

export function udp(
  source: number,
  destination: number,
  payload: readonly number[] = [1, 2, 3, 4, 5, 6, 7, 8],
): number[] {
  return [...u16(source), ...u16(destination), ...u16(8 + payload.length), 0, 0, ...payload];
}

/** Sixteen bytes of eight groups, all written out. */
export function ip6(groups: string): number[] {
  return groups.split(':').flatMap((group) => u16(Number.parseInt(group, 16)));
}

export function ipv6Packet(from: string, next: number, payload: readonly number[], length = payload.length): number[] {
  return [0x60, 0, 0, 0, ...u16(length), next, 64, ...ip6(from), ...ip6('fd00:0:0:0:0:0:0:2'), ...payload];
}

export interface DhcpParts {
  readonly op?: number;
  readonly type?: number;
  readonly chaddr: string;
  readonly hops?: number;
  readonly ciaddr?: string;
  readonly giaddr?: string;
  readonly options?: readonly number[];
  readonly isOpen?: boolean;
  readonly sname?: readonly number[];
  readonly file?: readonly number[];
}

function padded(bytes: readonly number[], length: number): number[] {
  return [...bytes, ...new Array<number>(length - bytes.length).fill(0)];
}

export function dhcpMessage(parts: DhcpParts): Uint8Array {
  const { op = 1, type = 1, hops = 0, ciaddr = '0.0.0.0', giaddr = '0.0.0.0', options = [] } = parts;
  const messageType = type === 0 ? [] : [53, 1, type];
  return Uint8Array.from([
    ...[op, 1, 6, hops, 0x12, 0x34, 0x56, 0x78, 0, 0, 0, 0],
    ...ip(ciaddr),
    ...[0, 0, 0, 0, 0, 0, 0, 0],
    ...ip(giaddr),
    ...padded(mac(parts.chaddr), 16),
    ...padded(parts.sname ?? [], 64),
    ...padded(parts.file ?? [], 128),
    ...[0x63, 0x82, 0x53, 0x63],
    ...messageType,
    ...options,
    ...(parts.isOpen === true ? [] : [255]),
  ]);
}
