/** What a session needs of a channel: the sealed one to a broker, or the plain one to the agent of this machine. */
import type { Channel, ChannelEvent, SealedRecord, WelcomeFrame } from '../../../broker/channel/index.ts';
import type { CloseWord } from '../../../broker/wire/index.ts';
import type { ArgusError } from '../errors.ts';

export interface SessionChannel {
  /** After 'frames'. */
  readonly plaintext: Uint8Array;
  readonly fault: Channel['fault'];
  readonly goodbye: Channel['goodbye'];
  readonly welcome: WelcomeFrame | null;
  /** Why the other end lends no session, where it says so in words; a sealed channel has faults instead. */
  readonly refusal?: ArgusError | null;
  readonly session: {
    seal(plaintext: Uint8Array): SealedRecord;
    sealClose(word: CloseWord): SealedRecord;
  } | null;
  begin(): Promise<void>;
  takeOutput(): Uint8Array[];
  push(chunk: Uint8Array): void;
  keep(): void;
  next(): ChannelEvent;
  verify(): Promise<'answered' | 'refused' | 'fault'>;
  abandon(): void;
}
