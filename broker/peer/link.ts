/**
 * A carrier and what is spoken on it: cuts records, runs the handshake, and hands records to the peer.
 *
 *   hello -> verifying (thread pool) -> welcome sent -> first sealed record opens -> opening (audit) -> running
 *
 * A hello on a carrier whose session is running goes the same way beside it: the old session carries on until a record
 * sealed with the new keys has opened, so that nobody can disturb it who is not the domain. (A guest that reboots behind
 * a virtio-serial port looks like this: the host's end never closes.)
 */
import { timingSafeEqual } from 'node:crypto';
import type { Carrier } from '../carrier/index.ts';
import { answerHello, type Established, type HandshakeFault } from '../channel/index.ts';
import { HANDSHAKE_TIMEOUT_MS } from '../process/index.ts';
import {
  CloseCode,
  type CloseWord,
  type DeframedRecord,
  Deframer,
  decodeDomainFrame,
  encodeRecordHeader,
  MAX_HANDSHAKE_BODY_BYTES,
  MAX_RECORD_BODY_BYTES,
  Op,
  type RecordFault,
  RecordType,
  SeekingDeframer,
} from '../wire/index.ts';
import type { PeerContext } from './context.ts';
import { Peer, type PeerFault } from './peer.ts';

/** Why a stranger was turned away. */
export type RefusalReason =
  | HandshakeFault
  | RecordFault
  | PeerFault
  | 'TIMEOUT'
  | 'UNKNOWN_DOMAIN'
  /** The domain is at home at another broker. */
  | 'FOREIGN_HOME'
  | 'BAD_COMMITMENT'
  | 'CLOSED_EARLY';

/** What a link tells the broker. */
export interface LinkOwner {
  /** The peer has proved itself; it is attached, recorded and welcomed by the owner. */
  onProven(peer: Peer, established: Established, link: Link): void;
  /** The session of a proven peer is over. Called once per proven peer. */
  onEnded(peer: Peer, reason: string, fault: PeerFault | RecordFault | null): void;
  /** Nobody was authenticated. `claimed`: the name in a credential that verified, else null. */
  onRefused(link: Link, reason: RefusalReason): void;
  onClosed(link: Link): void;
}

export class Link {
  readonly carrier: Carrier;
  readonly #context: PeerContext;
  readonly #owner: LinkOwner;
  readonly #deframer: Deframer | SeekingDeframer;
  #peer: Peer | null = null;
  /** Keys that a welcome has offered and no record has proved yet. */
  #proving: Established | null = null;
  #isBusy = false;
  #isClosed = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(context: PeerContext, carrier: Carrier, owner: LinkOwner) {
    this.#context = context;
    this.carrier = carrier;
    this.#owner = owner;
    this.#deframer =
      carrier.tellsOfRestart === false
        ? new SeekingDeframer(MAX_HANDSHAKE_BODY_BYTES, RecordType.hello)
        : new Deframer(MAX_HANDSHAKE_BODY_BYTES);
    // A machine is plugged in long before the guest in it has booted: there, the first byte starts the clock.
    if (carrier.tellsOfRestart !== false) this.#startTimer();
    carrier.open({
      onChunk: (chunk) => {
        if (this.#isClosed) return;
        if (this.#peer === null) this.#startTimer();
        this.#deframer.push(chunk);
        this.#process();
        if (this.#isBusy) this.#deframer.keep();
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
      const record = this.#deframer.next();
      if (record === 'more') return;
      if (typeof record === 'string') {
        this.#fault(record);
        return;
      }
      this.#record(record);
    }
  }

  #record(record: DeframedRecord): void {
    switch (record.type) {
      case RecordType.hello:
        this.#hello(record);
        return;
      case RecordType.data:
        this.#data(record);
        return;
      case RecordType.close:
        this.#close(record);
        return;
      case RecordType.welcome:
        this.#fault('UNEXPECTED_RECORD');
        return;
    }
  }

  #hello(record: DeframedRecord): void {
    if (record.length > MAX_HANDSHAKE_BODY_BYTES) {
      this.#fault('TOO_LONG');
      return;
    }
    // The record's bytes are views of what the carrier brought; nothing may move them while signatures are checked.
    this.#busy();
    const { identity, suites, handshake } = this.#context;
    answerHello(identity, record, this.carrier.domain, suites, handshake).then(
      (result) => {
        if (this.#isClosed) return;
        if (!result.ok) {
          this.#refuse(result.fault);
          return;
        }
        this.#proving = result.value.established;
        this.carrier.write([result.value.record]);
        this.resume();
      },
      (error: unknown) => {
        // Not the peer's doing: signing failed or we have a bug. Nobody is let in.
        this.#context.log.error({ err: error, carrier: this.carrier.name }, 'handshake failed on our side');
        this.#shut();
      },
    );
  }

  #data(record: DeframedRecord): void {
    if (this.#proving !== null && record.epoch === 0 && record.sequence === 0 && this.#prove(record, this.#proving))
      return;
    if (this.#peer === null) {
      this.#refuse('OPEN_FAILED');
      return;
    }
    const fault = this.#peer.receive(record);
    if (fault !== null) this.#fault(fault);
  }

  /** True when the record was the proof (good or bad) of the offered keys; false when it belongs to the running session. */
  #prove(record: DeframedRecord, proving: Established): boolean {
    const plaintext = proving.opener.open(record);
    this.#proving = null;
    if (plaintext === null) return false;
    const frame = decodeDomainFrame(plaintext, 0, plaintext.length);
    if (frame === null || frame.op !== Op.ready || !timingSafeEqual(frame.commitment, proving.peerCommitment)) {
      this.#refuse('BAD_COMMITMENT');
      return true;
    }
    const state = this.#context.argo.domain(proving.peer.name);
    if (state !== undefined && state.elsewhere !== null) {
      this.#refuse('FOREIGN_HOME', proving);
      return true;
    }
    if (state === undefined) {
      this.#refuse('UNKNOWN_DOMAIN', proving);
      return true;
    }
    this.#clearTimer();
    this.#deframer.maxLength = MAX_RECORD_BODY_BYTES;
    if (this.#deframer instanceof SeekingDeframer) this.#deframer.isStrict = true;
    this.#busy();
    const old = this.#peer;
    this.#peer = null;
    if (old !== null) {
      old.lost();
      this.#owner.onEnded(old, 'superseded', null);
    }
    const peer = new Peer(this.#context, this.carrier, proving, state, () => this.#readOn());
    this.#peer = peer;
    this.#owner.onProven(peer, proving, this);
    return true;
  }

  #close(record: DeframedRecord): void {
    const peer = this.#peer;
    if (peer === null) {
      this.#refuse('CLOSED_EARLY');
      return;
    }
    const word = peer.receiveClose(record);
    if (word === null) {
      this.#fault('OPEN_FAILED');
      return;
    }
    this.#peer = null;
    peer.end('done');
    this.#shut();
    this.#owner.onEnded(peer, word, null);
  }

  #fault(fault: PeerFault | RecordFault): void {
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

  /**
   * Turns a stranger away. A running session on the same carrier is not touched. `proven`: the keys that it has proved,
   * which the goodbye is then sealed with, since it would believe no other.
   */
  #refuse(reason: RefusalReason, proven: Established | null = null): void {
    if (this.#isClosed) return;
    this.#owner.onRefused(this, reason);
    if (this.#peer !== null) {
      this.#proving = null;
      this.resume();
      return;
    }
    const word = Uint8Array.of(CloseCode[wordFor(reason)]);
    if (proven === null) this.carrier.write([encodeRecordHeader(RecordType.close, 0, 0, 1), word]);
    else {
      const { header, ciphertext, tag } = proven.sealer.seal(RecordType.close, word);
      this.carrier.write([header, ciphertext, tag]);
    }
    this.#shut();
  }

  /** Each of two reasons keeps the carrier paused: a record is being worked on, or the peer does not read. */
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
    } else if (!wasClosed && this.#proving !== null) this.#owner.onRefused(this, 'CLOSED_EARLY');
    this.#owner.onClosed(this);
  }

  #shut(): void {
    this.#isClosed = true;
    this.#clearTimer();
    this.carrier.end();
  }

  #startTimer(): void {
    this.#timer ??= setTimeout(() => this.#refuse('TIMEOUT'), HANDSHAKE_TIMEOUT_MS);
  }

  #clearTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
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
      return 'version';
    default:
      return 'refused';
  }
}
