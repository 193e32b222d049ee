/** Errors of the network agents, each with a stable code. A fault that a peer can cause is counted, not thrown. */
import { CodedError } from '../../../broker/base/index.ts';

/** Each code is explained in docs/network.md; a test holds the two together. */
export const NET_ERROR_CODES = [
  // the operator's mistake, before anything runs
  'ERR_NET_OPTION',
  'ERR_NET_ADDRESS',
  'ERR_NET_DHCP_CONFIG',
  'ERR_NET_DHCP_CONFLICT',
  'ERR_NET_DHCP_LEASE_FILE',
  // the host refused
  'ERR_NET_TAP',
  'ERR_NET_SOCKET',
  'ERR_NET_COMMAND',
  // the program at the other end of an attachment
  'ERR_NET_FRAMING',
] as const;

export type NetErrorCode = (typeof NET_ERROR_CODES)[number];

export class NetError extends CodedError<NetErrorCode> {
  override readonly name = 'NetError';

  constructor(code: NetErrorCode, message: string, cause?: unknown) {
    super(code, message, { cause });
  }
}
