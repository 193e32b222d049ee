/**
 * Drives the channel of one carrier: gives it the received bytes, writes its output, and passes the frames of an
 * authenticated domain to its peer. Only broker/channel decides which records are accepted, and when the other side is
 * authenticated.
 *
 *   hello -> verify (thread pool) -> welcome sent -> proof -> admitted (audit) -> running
 *
 * A hello on a carrier with a running session takes the same path next to it: the old session continues until the new
 * one is proved. (This happens when a guest behind a virtio-serial port reboots: the host's end never closes.)
 *
 * All work is paid from the share of the carrier's domain (broker/turns). When the share is spent, the driver pauses
 * the carrier, so that it holds a bounded number of received bytes, and continues in a later turn.
 */
import type { Carrier } from '../carrier/index.ts';
import { Channel, type ChannelFault, type Session } from '../channel/index.ts';
import { HANDSHAKE_TIMEOUT_MS, MEMORY_RETRY_MS, SERIAL_SILENCE_MS } from '../process/index.ts';
import {
  FAULT_UNITS,
  FAULT_WEIGHT,
  HELLO_UNITS,
  type Job,
  openUnits,
  READ_UNITS,
  readByteUnits,
  recordUnits,
  SEARCH_UNITS,
  STRANGERS,
  STRANGERS_IDLE,
  type Worker,
} from '../turns/index.ts';
import { type CloseWord, closeWord, type Status } from '../wire/index.ts';
import type { PeerContext } from './context.ts';
import { Peer, type PeerFault } from './peer.ts';
import { SessionMemory } from './session-memory.ts';

/** The reason why a stranger was refused. */
export type RefusalReason =
  | ChannelFault
  | PeerFault
  | 'TIMEOUT'
  | 'UNKNOWN_DOMAIN'
  /** The domain's home is another broker. */
  | 'FOREIGN_HOME'
  /** The proof was delayed on its way: the domain already has a session from a later handshake. */
  | 'OUTDATED';

/** The broker as a driver sees it. */
export interface DriverOwner {
  /** False: the domain has a session whose keys were agreed later. An old session never replaces a newer one. */
  isNewest(domain: string, session: Session): boolean;
  /** The peer has proved itself. The owner attaches, records and welcomes it, and then calls `resume`. */
  onProven(peer: Peer, session: Session, driver: ChannelDriver): void;
  /** The peer presents another credential in its session. @returns the status of the answer */
  onCredential(peer: Peer, session: Session, statement: string): Promise<Status>;
  /** The session of a proven peer has ended. Called once per proven peer. */
  onEnded(peer: Peer, reason: string, fault: PeerFault | ChannelFault | null): void;
  /** A handshake was refused. It authenticated no domain. */
  onRefused(driver: ChannelDriver, reason: RefusalReason): void;
  onClosed(driver: ChannelDriver): void;
}

export class ChannelDriver implements Worker {
  readonly carrier: Carrier;
  readonly #context: PeerContext;
  readonly #owner: DriverOwner;
  readonly #channel: Channel;
  readonly #job: Job;
  readonly #memory: SessionMemory;
  /** The session holds more than its account has room for. The carrier is not read until there is room. */
  #isOverShare = false;
  #cancelRetry: () => void = () => {};
  #peer: Peer | null = null;
  /** A signature check is running, or the owner has not resumed yet. The carrier is not read. */
  #isBusy = false;
  /** A hello has arrived. It is verified once its answer can be written. */
  #isVerifyDue = false;
  /** The carrier has not sent all that this driver wrote. */
  #isCongested = false;
  /** The channel may hold bytes that were not processed yet. */
  #hasRest = false;
  #isPaused = false;
  /** Number of key epochs of the running session that were paid for. */
  #paidEpochs = 1;
  #isClosed = false;
  /** A serial carrier that has brought no byte yet. */
  #isSilent: boolean;
  #cancelTimer: (() => void) | null = null;

  constructor(context: PeerContext, carrier: Carrier, owner: DriverOwner) {
    this.#context = context;
    this.carrier = carrier;
    this.#owner = owner;
    this.#job =
      carrier.domain === null
        ? context.turns.job(STRANGERS, this, STRANGERS_IDLE)
        : context.turns.job(carrier.domain, this);
    this.#memory = new SessionMemory(context.argo.accounts.ofSessions(carrier.domain ?? STRANGERS), () =>
      context.argo.memoryReleased(),
    );
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
    // A serial carrier opens long before its guest has booted. There, the first byte starts the timer of the handshake.
    if (tellsOfRestart) this.#startTimer();
    else this.#cancelTimer = context.clock.after(SERIAL_SILENCE_MS, () => this.#shut());
    this.#isSilent = !tellsOfRestart;
    carrier.open({
      onChunk: (chunk) => {
        if (this.#isClosed) return;
        if (this.#peer === null) this.#heard();
        this.#channel.push(chunk);
        this.#hasRest = true;
        this.#job.ready();
        this.#payRead(chunk.length, !tellsOfRestart);
        if (this.#hasRest) this.#keep();
        this.#settle();
      },
      onDrain: () => {
        this.#isCongested = false;
        this.#peer?.drained();
        this.#settle();
        if (this.#isVerifyDue) this.#job.ready();
      },
      onClosed: (reason) => this.#closed(reason ?? 'lost'),
    });
  }

  /** The name that pays for the work: a domain, or the strangers. */
  get sharer(): string {
    return this.#job.share.name;
  }

  /** Ends the running session with a close word, and then the carrier. */
  end(word: CloseWord, reason: string): void {
    const peer = this.#peer;
    this.#peer = null;
    peer?.end(word);
    this.#shut();
    if (peer !== null) this.#owner.onEnded(peer, reason, null);
  }

  /** The owner is ready for the peer's next frames. */
  resume(): void {
    this.#isBusy = false;
    this.#job.ready();
  }

  work(): boolean {
    while (!this.#mustWait) {
      if (this.#job.share.isSpent) return true;
      if (this.#isVerifyDue) {
        this.#verify();
        continue;
      }
      if (this.#peer?.hasMore === true) {
        this.#checked(this.#peer.receiveMore(this.#job.share));
        continue;
      }
      switch (this.#channel.next()) {
        case 'frames':
          this.#frames();
          break;
        case 'searching':
          this.#job.share.spendIdle(SEARCH_UNITS);
          break;
        case 'more':
          this.#hasRest = false;
          this.#settle();
          this.#readOn();
          return false;
        case 'waiting':
          return false;
        case 'handshake':
          this.#isVerifyDue = true;
          break;
        case 'rekey':
          this.#agree();
          break;
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
    return false;
  }

  /** True while the work must wait. The event that ends the wait calls `ready` on the job. */
  get #mustWait(): boolean {
    if (this.#isBusy || this.#isClosed || this.#peer?.isThrottled === true) return true;
    // Do not answer a hello before the last answer was sent: unsent answers would pile up here, one for each hello.
    return this.#isVerifyDue && (this.#isCongested || this.#peer?.isCongested === true);
  }

  /** The bytes of a record are honest work until it is complete; a search for a hello never is. */
  #payRead(bytes: number, isSearched: boolean): void {
    const { share } = this.#job;
    share.spendIdle(READ_UNITS);
    if (isSearched && this.#peer === null) share.spendIdle(readByteUnits(bytes, true));
    else share.spend(readByteUnits(bytes, isSearched));
  }

  #frames(): void {
    const { share } = this.#job;
    const { plaintext, session } = this.#channel;
    const epochs = session?.openedEpochs ?? 1;
    share.spend(openUnits(plaintext.length, session?.isSlow === true));
    share.spendIdle(recordUnits(epochs - this.#paidEpochs));
    this.#paidEpochs = epochs;
    this.#checked(this.#peer?.receive(plaintext, share) ?? null);
  }

  /** Fresh keys: what the channel has sealed is written before anything else is sealed. */
  #agree(): void {
    const { share } = this.#job;
    share.spendPiece(HELLO_UNITS);
    this.#isCongested = !this.carrier.write(this.#channel.takeOutput());
  }

  #checked(fault: PeerFault | null): void {
    if (fault !== null) this.#fault(fault);
  }

  #verify(): void {
    this.#isVerifyDue = false;
    this.#job.share.spendPiece(HELLO_UNITS);
    this.#busy();
    this.#channel.verify().then(
      (outcome) => {
        if (this.#isClosed) return;
        if (outcome !== 'answered') {
          this.#refuse(this.#channel.fault ?? 'UNEXPECTED_RECORD');
          return;
        }
        this.#isCongested = !this.carrier.write(this.#channel.takeOutput());
        this.#settle();
        this.resume();
      },
      (error: unknown) => {
        // Not caused by the peer: signing failed, or this is a bug. The carrier is closed.
        this.#context.log.error({ err: error, carrier: this.carrier.name }, 'handshake failed on our side');
        this.#shut();
      },
    );
  }

  /** Admits the proven identity if the domain is declared and its home is this broker. */
  #admit(): void {
    const name = this.#channel.candidate?.peer.name ?? '';
    const state = this.#context.argo.domain(name);
    if (state === undefined || state.remote !== null) {
      this.#channel.turnAway();
      this.#refuse(state === undefined ? 'UNKNOWN_DOMAIN' : 'FOREIGN_HOME');
      return;
    }
    const candidate = this.#channel.candidate;
    if (candidate !== null && !this.#owner.isNewest(name, candidate)) {
      this.#channel.turnAway();
      this.#refuse('OUTDATED');
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
    const onReady = (): void => this.#job.ready();
    const peer = new Peer(
      this.#context,
      this.carrier,
      session,
      state,
      onReady,
      () => this.#settle(),
      (from, statement) => this.#owner.onCredential(from, session, statement),
    );
    this.#peer = peer;
    this.#paidEpochs = session.openedEpochs;
    this.#job.share = this.#context.turns.share(name);
    this.#memory.moveTo(this.#context.argo.accounts.ofSessions(name));
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
    this.#job.share.spendPiece(FAULT_UNITS, FAULT_WEIGHT);
    peer.end('fault');
    this.#shut();
    this.#owner.onEnded(peer, 'fault', fault);
  }

  /** Refuses a stranger. A running session on the same carrier continues. */
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

  /** Charges the bytes that the session holds now. The carrier is not read while the account has no room for them. */
  #settle(): void {
    if (this.#isClosed) return;
    const held = this.#channel.memoryBytes + (this.#peer?.controlBytes ?? 0) + (this.carrier.heldBytes ?? 0);
    this.#isOverShare = !this.#memory.settle(held);
    if (!this.#isOverShare) return;
    this.#pause();
    this.#cancelRetry();
    this.#cancelRetry = this.#context.clock.after(MEMORY_RETRY_MS, () => {
      this.#settle();
      if (!this.#isOverShare && !this.#hasRest) this.#readOn();
    });
  }

  #forget(): void {
    this.#channel.free();
    this.#memory.close();
    this.#cancelRetry();
  }

  /** All received bytes are processed: reads the carrier again, if the account has room. */
  #readOn(): void {
    if (!this.#isPaused || this.#isOverShare) return;
    this.#isPaused = false;
    this.carrier.resume();
  }

  #pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.carrier.pause();
  }

  /** The work stops before the end of the chunk. The chunk's memory belongs to the carrier, so the rest is copied. */
  #keep(): void {
    if (this.#isClosed) return;
    this.#channel.keep();
    this.#pause();
  }

  #busy(): void {
    this.#isBusy = true;
    this.#pause();
  }

  #closed(reason: string): void {
    const wasClosed = this.#isClosed;
    this.#isClosed = true;
    this.#job.cancel();
    this.#forget();
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
    this.#job.cancel();
    this.#forget();
    this.#clearTimer();
    this.carrier.end();
  }

  /** The first bytes of a serial carrier end its silence; the handshake has its time from then on. */
  #heard(): void {
    if (this.#isSilent) this.#clearTimer();
    this.#isSilent = false;
    this.#startTimer();
  }

  #startTimer(): void {
    this.#cancelTimer ??= this.#context.clock.after(HANDSHAKE_TIMEOUT_MS, () => this.#refuse('TIMEOUT'));
  }

  #clearTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }
}

/**
 * The close word for a stranger. It reveals only problems of the stranger's own credential and, once that is proved, of
 * its own name.
 */
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
    case 'OUTDATED':
      return 'superseded';
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
