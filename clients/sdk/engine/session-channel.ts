/** What a session needs of a channel: the sealed one to a broker, or the plain one to the agent of this machine. */
import type { Channel, ChannelEvent, WelcomeFrame } from '../../../broker/channel/index.ts';
import type { CloseWord } from '../../../broker/wire/index.ts';
import type { ArgusError } from '../errors.ts';

export interface SessionChannel {
  /** After 'frames'. */
  readonly plaintext: Uint8Array;
  /** How the plaintext of the next record may be used. */
  use: Channel['use'];
  readonly fault: Channel['fault'];
  readonly goodbye: Channel['goodbye'];
  readonly welcome: WelcomeFrame | null;
  /** Why the other end lends no session, where it says so in words; a sealed channel has faults instead. */
  readonly refusal?: ArgusError | null;
  readonly session: {
    /** Absent where there is no handshake. */
    readonly transcript?: string;
    /** The frames begin RECORD_HEADER_BYTES after `at`. @returns the bytes to write, a part of `memory` */
    sealInPlace(memory: Uint8Array, at: number, length: number): Uint8Array;
    sealClose(word: CloseWord): Uint8Array;
  } | null;
  begin(): Promise<void>;
  takeOutput(): Uint8Array[];
  push(chunk: Uint8Array): void;
  keep(): void;
  next(): ChannelEvent;
  verify(): Promise<'answered' | 'refused' | 'fault'>;
  free(): void;
}
