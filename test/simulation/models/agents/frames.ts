/** No frame with a foreign source address is delivered: the mark in a frame says who has made it, its addresses must agree. */
import { formatIpv4, formatMac } from '../../../../broker/base/index.ts';
import { readFrame } from '../../agents/frames.ts';
import type { Member } from '../../topology.ts';
import { type Invariant, Violation } from '../invariant.ts';

export class Frames implements Invariant {
  readonly name = 'frame';
  readonly #members: readonly Member[];

  constructor(members: readonly Member[]) {
    this.#members = members;
  }

  frame(guest: string, bytes: Uint8Array): void {
    const frame = readFrame(bytes);
    if (frame === null) return;
    const maker = this.#members.find(({ domid }) => domid === frame.domid);
    const mac = formatMac(frame.mac);
    if (maker?.agent?.mac !== mac) throw new Violation(this.name, `${guest} got a frame of ${maker?.name} from ${mac}`);
    if (frame.ipv4 !== null && formatIpv4(frame.ipv4) !== maker.agent.ipv4)
      throw new Violation(this.name, `${guest} got ARP of ${maker.name} about ${formatIpv4(frame.ipv4)}`);
  }
}
