/**
 * Drives the channel of one carrier: hands it bytes, writes what it says, and passes the frames of a believed domain to its
 * peer. Which record is accepted when, and when the other side is believed, is decided in broker/channel alone.
 *
 *   hello -> verify (thread pool) -> welcome sent -> proof -> admitted (audit) -> running
 *
 * A hello on a carrier whose session is running goes the same way next to it: the old session carries on until the new one
 * is proved. (A guest that reboots behind a virtio-serial port looks like this: the host's end never closes.)
 */
import type { Carrier } from '../carrier/index.ts';
import { Channel, type ChannelFault, type Session } from '../channel/index.ts';
import { HANDSHAKE_TIMEOUT_MS } from '../process/index.ts';
import { type CloseWord, closeWord } from '../wire/index.ts';
import type { PeerContext } from './context.ts';
import { Peer, type PeerFault } from './peer.ts';

/** Why a stranger was turned away. */
export type RefusalReason =
  | ChannelFault
  | PeerFault
  | 'TIMEOUT'
  | 'UNKNOWN_DOMAIN'
  /** The domain is at home at another broker. */
  | 'FOREIGN_HOME';

/** What a driver tells the broker. */
export interface DriverOwner {
  /** The peer has proved itself. The owner attaches, records and welcomes it, and then calls `resume`. */
  onProven(peer: Peer, session: Session, driver: ChannelDriver): void;
  /** The session of a proven peer is over. Called once per proven peer. */
  onEnded(peer: Peer, reason: string, fault: PeerFault | ChannelFault | null): void;
  /** A handshake was refused. Nobody was authenticated by it. */
  onRefused(driver: ChannelDriver, reason: RefusalReason): void;
  onClosed(driver: ChannelDriver): void;
}

export class ChannelDriver {
  readonly carrier: Carrier;
  readonly #context: PeerContext;
  readonly #owner: DriverOwner;
  readonly #channel: Channel;
  #peer: Peer | null = null;
  /** Signatures are being checked, or the owner has not resumed yet: nothing is read. */
  #isBusy = false;
  #isClosed = false;
  #cancelTimer: (() => void) | null = null;

  constructor(context: PeerContext, carrier: Carrier, owner: DriverOwner) {
    this.#context = context;
    this.carrier = carrier;
    this.#owner = owner;
    const tellsOfRestart = carrier.tellsOfRestart !== false;
    this.#channel = new Channel({
      role: 'broker',
      identity: context.identity,
      suites: context.suites,
      expected: carrier.domain,
      context: context.handshake,
      resynchronises: !tellsOfRestart,
      plaintext: 'lent',
    });
    // A machine is plugged in long before the guest in it has booted: there, the first byte starts the clock.
    if (tellsOfRestart) this.#startTimer();
    carrier.open({
      onChunk: (chunk) => {
        if (this.#isClosed) return;
        if (this.#peer === null) this.#startTimer();
        this.#channel.push(chunk);
        this.#process();
        if (this.#isBusy) this.#channel.keep();
      },
      onDrain: () => this.#peer?.drained(),
      onClosed: (reason) => this.#closed(reason ?? 'lost'),
    });
  }

  /** Ends the running session with a word, and the carrier with it. */
  end(word: CloseWord, reason: string): void {
    const peer = this.#peer;
    this.#peer = null;
    peer?.end(word);
    this.#shut();
    if (peer !== null) this.#owner.onEnded(peer, reason, null);
  }

  /** The owner is ready for what the peer sends next. */
  resume(): void {
    this.#isBusy = false;
    if (this.#isClosed) return;
    this.#readOn();
    this.#process();
  }

  #process(): void {
    while (!this.#isBusy && !this.#isClosed) {
      switch (this.#channel.next()) {
        case 'frames':
          this.#frames();
          break;
        case 'more':
        case 'waiting':
          return;
        case 'handshake':
          this.#verify();
          return;
        case 'proven':
          this.#admit();
          break;
        case 'refused':
          this.#refuse(this.#channel.fault ?? 'UNEXPECTED_RECORD');
          break;
        case 'fault':
          this.#fault(this.#channel.fault ?? 'UNEXPECTED_RECORD');
          break;
        case 'closed':
          this.#goodbye();
          break;
      }
    }
  }

  #frames(): void {
    const fault = this.#peer?.receive(this.#channel.plaintext) ?? null;
    if (fault !== null) this.#fault(fault);
  }

  #verify(): void {
    this.#busy();
    this.#channel.verify().then(
      (outcome) => {
        if (this.#isClosed) return;
        if (outcome !== 'answered') {
          this.#refuse(this.#channel.fault ?? 'UNEXPECTED_RECORD');
          return;
        }
        this.carrier.write(this.#channel.takeOutput());
        this.resume();
      },
      (error: unknown) => {
        // Not the peer's doing: signing failed or we have a bug. Nobody is let in.
        this.#context.log.error({ err: error, carrier: this.carrier.name }, 'handshake failed on our side');
        this.#shut();
      },
    );
  }

  /** The proven identity is let in if it is declared, and at home here. */
  #admit(): void {
    const name = this.#channel.candidate?.peer.name ?? '';
    const state = this.#context.argo.domain(name);
    if (state === undefined || state.remote !== null) {
      this.#channel.turnAway();
      this.#refuse(state === undefined ? 'UNKNOWN_DOMAIN' : 'FOREIGN_HOME');
      return;
    }
    this.#clearTimer();
    this.#busy();
    const old = this.#peer;
    this.#peer = null;
    const session = this.#channel.admit();
    if (old !== null) {
      old.lost();
      this.#owner.onEnded(old, 'superseded', null);
    }
    const peer = new Peer(this.#context, this.carrier, session, state, () => this.#readOn());
    this.#peer = peer;
    this.#owner.onProven(peer, session, this);
  }

  #goodbye(): void {
    const peer = this.#peer;
    this.#peer = null;
    peer?.end('done');
    this.#shut();
    if (peer !== null) this.#owner.onEnded(peer, closeWord(this.#channel.goodbye?.code) ?? 'done', null);
  }

  #fault(fault: PeerFault | ChannelFault): void {
    const peer = this.#peer;
    if (peer === null) {
      this.#refuse(fault);
      return;
    }
    this.#peer = null;
    peer.end('fault');
    this.#shut();
    this.#owner.onEnded(peer, 'fault', fault);
  }

  /** Turns a stranger away. A running session on the same carrier is not touched. */
  #refuse(reason: RefusalReason): void {
    if (this.#isClosed) return;
    this.#owner.onRefused(this, reason);
    if (this.#peer !== null) {
      this.resume();
      return;
    }
    this.carrier.write(this.#channel.close(wordFor(reason)));
    this.#shut();
  }

  /** Each of two reasons keeps the carrier paused: the driver is busy, or the peer does not read. */
  #readOn(): void {
    if (this.#isBusy || this.#isClosed || this.#peer?.isThrottled === true) return;
    this.carrier.resume();
  }

  #busy(): void {
    this.#isBusy = true;
    this.carrier.pause();
  }

  #closed(reason: string): void {
    const wasClosed = this.#isClosed;
    this.#isClosed = true;
    this.#clearTimer();
    const peer = this.#peer;
    this.#peer = null;
    if (peer !== null) {
      peer.lost();
      this.#owner.onEnded(peer, reason, null);
    } else if (!wasClosed && this.#channel.isProving) this.#owner.onRefused(this, 'CLOSED_EARLY');
    this.#owner.onClosed(this);
  }

  #shut(): void {
    this.#isClosed = true;
    this.#clearTimer();
    this.carrier.end();
  }

  #startTimer(): void {
    this.#cancelTimer ??= this.#context.clock.after(HANDSHAKE_TIMEOUT_MS, () => this.#refuse('TIMEOUT'));
  }

  #clearTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }
}

/** What a stranger may hear: about its own credential, and once that is proved about its own name; else nothing. */
function wordFor(reason: RefusalReason): CloseWord {
  switch (reason) {
    case 'EXPIRED':
      return 'credentialExpired';
    case 'NOT_YET_VALID':
      return 'credentialNotYetValid';
    case 'FOREIGN_AUTHORITY':
      return 'credentialForeign';
    case 'REVOKED':
      return 'credentialRevoked';
    case 'WRONG_PEER':
      return 'wrongCarrier';
    case 'WRONG_BROKER':
      return 'wrongBroker';
    case 'UNKNOWN_DOMAIN':
      return 'removed';
    case 'FOREIGN_HOME':
      return 'wrongHome';
    case 'BAD_VERSION':
    case 'NO_COMMON_SUITE':
    case 'NO_COMMON_VERSION':
      return 'version';
    default:
      return 'refused';
  }
}
