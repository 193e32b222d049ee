/** The reason for closing a session, as told to the other side: one byte in a close record's body. */
export const CloseCode = {
  /** The peer is done. It wrote all its frames before this. */
  done: 0,
  /** The broker shuts down; come back later. */
  shutdown: 1,
  /** The hello was refused. A stranger gets no other reason. */
  refused: 2,
  /** A problem of the peer's own credential, so this reveals nothing to a stranger. */
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
  /** The domain is not in the inventory, or was removed from it. */
  removed: 10,
  /** The hello asked for another broker than the one that answers here. */
  wrongBroker: 11,
  /** The domain's home is another broker, according to domains.yaml or to its new version. */
  wrongHome: 12,
  /** The peer's own key or credential was revoked, or a newer key of the same holder is in use. */
  credentialRevoked: 13,
} as const;
export type CloseWord = keyof typeof CloseCode;

const WORDS = new Map<number, CloseWord>(Object.entries(CloseCode).map(([word, code]) => [code, word as CloseWord]));

/** `undefined` for a code that this version does not know. */
export function closeWord(code: number | undefined): CloseWord | undefined {
  return code === undefined ? undefined : WORDS.get(code);
}
