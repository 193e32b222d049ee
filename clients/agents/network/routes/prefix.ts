/** Prefixes as the kernel's tools print them: `default`, an address alone for a host, and IPv4 inside IPv6. */
import { type Prefix, parseIpv4, parsePrefix as readPrefix } from '../../../../broker/base/index.ts';

export {
  addressBytes,
  covers,
  formatAddress,
  formatPrefix,
  overlaps,
  type Prefix,
} from '../../../../broker/base/index.ts';

/** `default` needs its family; an address without a length is a host. Null for other text, or with host bits. */
export function parsePrefix(text: string, defaultFamily: 4 | 6 = 4): Prefix | null {
  if (text === 'default') return { family: defaultFamily, base: new Uint8Array(16), length: 0 };
  const plain = withoutDottedTail(text);
  if (plain.includes('/')) return readPrefix(plain);
  return readPrefix(`${plain}/${plain.includes(':') ? 128 : 32}`);
}

/** `::ffff:192.0.2.1` is `::ffff:c000:201` (RFC 4291 §2.2, form 3). */
function withoutDottedTail(text: string): string {
  const [, head = '', tail = '', rest = ''] = /^(.*:)(\d+(?:\.\d+){3})(.*)$/.exec(text) ?? [];
  const address = parseIpv4(tail);
  if (address === null) return text;
  return `${head}${(address >>> 16).toString(16)}:${(address & 0xffff).toString(16)}${rest}`;
}
