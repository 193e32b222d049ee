/** Why a session is closed, as far as the other side is told. One byte in a close record's body. */
export const CloseCode = {
  /** The peer is done: everything it had sent was written before. */
  done: 0,
  /** The broker shuts down; come back later. */
  shutdown: 1,
  /** The hello was refused; nothing more is said to a stranger. */
  refused: 2,
  /** About the peer's own credential, which it may as well know. */
  credentialExpired: 3,
  credentialNotYetValid: 4,
  credentialForeign: 5,
  /** This carrier belongs to another domain. */
  wrongCarrier: 6,
  /** No common version or suite. */
  version: 7,
  /** A newer session of the same domain took over. */
  superseded: 8,
  /** The peer broke the protocol. */
  fault: 9,
  /** The domain is not, or no longer, in the inventory. */
  removed: 10,
  /** The hello asked for another broker than the one that answers here. */
  wrongBroker: 11,
  /** The domain is at home at another broker, as domains.yaml says, or says from now on. */
  wrongHome: 12,
  /** The peer's own key or credential was revoked, or a newer key of the same holder is in use. */
  credentialRevoked: 13,
} as const;
export type CloseWord = keyof typeof CloseCode;

const WORDS = new Map<number, CloseWord>(Object.entries(CloseCode).map(([word, code]) => [code, word as CloseWord]));

/** `undefined` for a code this version does not know. */
export function closeWord(code: number | undefined): CloseWord | undefined {
  return code === undefined ? undefined : WORDS.get(code);
}
