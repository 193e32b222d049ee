/** Lines of the product, each broken on purpose, and the scenario in which the simulation notices. */
import type { BrokenLine } from '../mutants/mutant.ts';

export interface Breakage extends BrokenLine {
  readonly seed: number;
  readonly steps: number;
  /** Default: one. */
  readonly brokers?: number;
  /** Default: no agents. */
  readonly agents?: true;
  /** Default: no stream proxies and no mixer. */
  readonly proxies?: true;
  readonly invariant: string;
}

export const BREAKAGES: readonly Breakage[] = [
  {
    in: 'broker/peer/peer.ts',
    find: 'if (recorded) this.#mustBeDurable = true;',
    replace: 'if (false) this.#mustBeDurable = true;',
    seed: 2,
    steps: 13,
    invariant: 'recorded',
  },
  {
    in: 'broker/audit/write/segment-log.ts',
    find: 'await file.datasync();',
    replace: ';',
    seed: 1,
    steps: 1,
    invariant: 'recorded',
  },
  {
    in: 'broker/core/rings/ring.ts',
    find: 'this.#used -= bytes;',
    replace: ';',
    seed: 3,
    steps: 13,
    invariant: 'accounting',
  },
  {
    in: 'broker/audit/write/segment-log.ts',
    find: 'await this.#files.rewrite(segment, from,',
    replace: 'void (segment, from,',
    seed: 1,
    steps: 6,
    invariant: 'recorded',
  },
  {
    in: 'broker/peer/channel-driver.ts',
    find: 'if (this.#job.share.isSpent) return true;',
    replace: '',
    seed: 27,
    steps: 6,
    invariant: 'starvation',
  },
  {
    in: 'broker/peer/peer.ts',
    find: '} while (fault === null && units < room && units - earned < idleRoom);',
    replace: '} while (fault === null);',
    seed: 27,
    steps: 6,
    invariant: 'starvation',
  },
  {
    in: 'broker/peer/channel-driver.ts',
    find: 'this.#isOverShare = !this.#memory.settle(held);',
    replace: 'this.#isOverShare = false;',
    seed: 15,
    steps: 14,
    invariant: 'bounds',
  },
  {
    in: 'broker/peer/peer.ts',
    find: 'if (this.controlBytes > CONTROL_BYTES_PER_SESSION) this.#isThrottled = true;',
    replace: ';',
    seed: 37,
    steps: 30,
    invariant: 'bounds',
  },
  {
    in: 'broker/service/key-watch.ts',
    find: 'const ended = result.ok ? this.#endRevoked() : 0;',
    replace: 'const ended = 0;',
    seed: 12,
    steps: 19,
    invariant: 'revoked',
  },
  {
    in: 'broker/core/sending.ts',
    find: 'view.setUint16(at + DataField.source, sender.domain.domid, true);',
    replace: ';',
    seed: 2,
    steps: 8,
    invariant: 'liveness',
  },
  {
    in: 'broker/federation/bridge.ts',
    find: 'for (const { sink, id } of this.#undecided.drain()) sink.decided?.(id, Status.ECONNRESET, 0);',
    replace: 'this.#undecided.drain();',
    seed: 11,
    steps: 33,
    brokers: 2,
    invariant: 'outcome',
  },
  {
    in: 'broker/federation/bridge.ts',
    find: 'if (recorded) recordedBy = sender;',
    replace: 'void recorded;',
    seed: 30,
    steps: 27,
    brokers: 2,
    invariant: 'recorded',
  },
  {
    in: 'broker/federation/federation.ts',
    find: 'else if (signedList !== null) session.sendList(signedList);',
    replace: '',
    seed: 2,
    steps: 33,
    brokers: 2,
    invariant: 'revoked',
  },
  {
    in: 'broker/federation/broker-session.ts',
    find: 'if (wasUp) this.#bridge.down();',
    replace: '',
    seed: 2,
    steps: 30,
    brokers: 2,
    invariant: 'outcome',
  },
  {
    in: 'broker/federation/bridge.ts',
    find: 'const frame = new Uint8Array(frames.subarray(at, at + length));',
    replace: 'const frame = frames.subarray(at, at + length);',
    seed: 6,
    steps: 1,
    brokers: 2,
    invariant: 'liveness',
  },
  {
    in: 'clients/agents/network/routes/apply.ts',
    find: "if (domid === routerId && (port === null || port === ROUTE_PORT)) lose('is gone');",
    replace: ';',
    seed: 3,
    steps: 1,
    agents: true,
    invariant: 'recovery',
  },
  {
    in: 'clients/agents/audio/lines/capture-gate.ts',
    find: 'return this.asked && this.granted && !this.#isRefused;',
    replace: 'return this.granted && !this.#isRefused;',
    seed: 1,
    steps: 4,
    agents: true,
    invariant: 'recovery',
  },
  {
    in: 'broker/core/inspectors/ethernet.ts',
    find: 'if (station.mac === null || !holds(bytes, start + MAC_BYTES, station.mac)) return FOREIGN_MAC;',
    replace: '',
    seed: 10,
    steps: 17,
    agents: true,
    invariant: 'frame',
  },
  {
    in: 'clients/agents/audio/guest/endpoint.ts',
    find: "agent.#vm.on('peer-gone', agent.#onGone);",
    replace: ';',
    seed: 148,
    steps: 15,
    agents: true,
    invariant: 'recovery',
  },
];
