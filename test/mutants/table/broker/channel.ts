/** Lines that keep a session, and what two brokers believe of each other. */
import type { Mutant } from '../../mutant.ts';

const CHANNEL = ['test/channel/channel.test.ts'];
const HANDSHAKE = ['test/channel/handshake.test.ts'];
const BRIDGE = ['test/federation/bridge.test.ts'];
const BROKER_SESSION = ['test/federation/broker-session.test.ts'];

export const CHANNEL_MUTANTS: readonly Mutant[] = [
  {
    in: 'broker/channel/channel.ts',
    find: "if (!session.takeUnconfirmed() || !session.isConfirmedBy(message.value)) return this.#fail('BAD_COMMITMENT');",
    replace: '',
    promise: 'a carrier reads and changes nothing',
    tests: ['test/channel/fresh-keys.test.ts'],
  },
  {
    in: 'broker/channel/channel.ts',
    find: "if (this.#asking?.isOverdue === true) return this.#fail('STALE_KEYS');",
    replace: '',
    promise: 'a worn-out key opens nothing',
    tests: ['test/channel/fresh-keys.test.ts'],
  },
  {
    in: 'broker/channel/channel.ts',
    find: "if (!this.#rules.isInitiator || session.isAwaitingFresh) return this.#fail('UNEXPECTED_RECORD');",
    replace: '',
    promise: 'a carrier reads and changes nothing',
    tests: ['test/channel/fresh-keys.test.ts'],
  },
  {
    in: 'broker/channel/channel.ts',
    find: ': new Deframer(MAX_HANDSHAKE_BODY_BYTES);',
    replace: ': new Deframer(MAX_RECORD_BODY_BYTES);',
    promise: 'memory is bounded',
    tests: CHANNEL,
  },
  {
    in: 'broker/channel/channel.ts',
    find: "if (record.length > MAX_HANDSHAKE_BODY_BYTES) return this.#fail('TOO_LONG');",
    replace: '',
    promise: 'memory is bounded',
    tests: ['test/peer/channel-driver.test.ts'],
  },
  {
    in: 'broker/channel/channel.ts',
    find: 'commitment === null || !timingSafeEqual(commitment, offered.peerCommitment)',
    replace: 'commitment === null',
    promise: 'records are as the wire says',
    tests: CHANNEL,
  },
  {
    in: 'broker/channel/channel.ts',
    find: 'commitment === null || !timingSafeEqual(commitment, offered.peerCommitment)',
    replace: 'commitment !== null && !timingSafeEqual(commitment, offered.peerCommitment)',
    promise: 'records are as the wire says',
    tests: CHANNEL,
  },
  {
    in: 'broker/channel/channel.ts',
    find: 'return this.#rules.mayBeginAgain || (this.#session === null && this.#offered === null);',
    replace: 'return true;',
    promise: 'a carrier reads and changes nothing',
    tests: CHANNEL,
  },
  {
    in: 'broker/channel/channel.ts',
    find: 'this.#session === null ? this.#sayGoodbye(unsealed, false)',
    replace: 'true ? this.#sayGoodbye(unsealed, false)',
    promise: 'a carrier reads and changes nothing',
    tests: CHANNEL,
  },
  {
    in: 'broker/channel/channel.ts',
    find: 'suites, context, this.#rules.other);',
    replace: "suites, context, 'domain');",
    promise: 'a credential is worth nothing without its key',
    tests: CHANNEL,
  },
  {
    in: 'broker/channel/handshake.ts',
    find: 'if (version.success && version.data.v !== WIRE_VERSION)',
    replace: 'if (false)',
    promise: 'records are as the wire says',
    tests: HANDSHAKE,
  },
  {
    in: 'broker/federation/bridge.ts',
    find: "return state?.remote === this && this.#proxies.has(state) ? state : 'FOREIGN_HOME';",
    replace: "return state ?? 'FOREIGN_HOME';",
    promise: 'a broker speaks for its own domains',
    tests: BRIDGE,
  },
  {
    in: 'broker/federation/bridge.ts',
    find: "!== this || hearer?.remote !== null) return 'FOREIGN_HOME';",
    replace: '=== null || hearer?.remote !== null) return null;',
    promise: 'a broker speaks for its own domains',
    tests: BRIDGE,
  },
  {
    in: 'broker/federation/bridge.ts',
    find: "!this.#proxies.has(caller)) return 'FOREIGN_HOME';",
    replace: "false) return 'FOREIGN_HOME';",
    promise: 'a broker speaks for its own domains',
    tests: BRIDGE,
  },
  {
    in: 'broker/federation/bridge.ts',
    find: "if (id !== (this.#lastSendId + 1) >>> 0) return 'BAD_SEND_ID';",
    replace: '',
    promise: 'records are as the wire says',
    tests: BRIDGE,
  },
  {
    in: 'broker/federation/broker-session.ts',
    find: 'expected: bridge.peer,',
    replace: 'expected: null,',
    promise: 'a broker speaks for its own domains',
    tests: BROKER_SESSION,
  },
  {
    in: 'broker/peer/channel-driver.ts',
    find: 'if (candidate !== null && !this.#owner.isNewest(name, candidate))',
    replace: 'if (false)',
    promise: 'a carrier reads and changes nothing',
    tests: ['test/peer/channel-driver.test.ts'],
  },
  {
    in: 'broker/channel/protection.ts',
    find: 'nextEpoch(this.#secret, this.records)',
    replace: 'nextEpoch(this.#secret, 0)',
    promise: 'a carrier reads and changes nothing',
    tests: ['test/channel/protection.test.ts'],
  },
];
