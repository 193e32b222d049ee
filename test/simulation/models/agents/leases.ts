/** No two leases of one address: what a DHCP client was given is given to nobody else before it gives it back. */
import { formatIpv4 } from '../../../../broker/base/index.ts';
import { type Invariant, Violation } from '../invariant.ts';

export class LeaseBook implements Invariant {
  readonly name = 'lease';
  readonly #holders = new Map<number, string>();

  leased(guest: string, ipv4: number): void {
    const holder = this.#holders.get(ipv4) ?? guest;
    if (holder !== guest)
      throw new Violation(this.name, `${formatIpv4(ipv4)} is of ${holder}, and ${guest} was given it`);
    // A client has one lease: with a new one, the server may give the earlier one to another.
    for (const [address, each] of this.#holders) if (each === guest) this.#holders.delete(address);
    this.#holders.set(ipv4, guest);
  }

  released(guest: string, ipv4: number): void {
    if (this.#holders.get(ipv4) === guest) this.#holders.delete(ipv4);
  }
}
