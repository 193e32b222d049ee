/** What the AudioVM plays as the sound of a VM is the sound of that VM: each sample carries its maker's mark, or is silent. */
import type { Member } from '../../topology.ts';
import { type Invariant, Violation } from '../invariant.ts';

export class Playback implements Invariant {
  readonly name = 'playback';
  readonly #members: readonly Member[];

  constructor(members: readonly Member[]) {
    this.#members = members;
  }

  played(of: string, bytes: Uint8Array): void {
    const mark = this.#members.find(({ name }) => name === of)?.domid;
    const foreign = bytes.find((byte) => byte !== mark && byte !== 0);
    if (foreign !== undefined) throw new Violation(this.name, `sound of domain ${foreign} was heard as that of ${of}`);
  }
}
