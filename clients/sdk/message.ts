/** What a ring's reader gets. */

/** The sending domain, as the broker has authenticated it. */
export interface MessageSource {
  readonly domid: number;
  readonly name: string;
  /** Security labels, such as `@mic`, under the revision in force when they were introduced. */
  readonly labels: readonly string[];
}

export interface Message {
  readonly source: MessageSource;
  /** The port of the sender's own ring that it wants answers at; 0 = none. */
  readonly port: number;
  /** Message type that the sender chose, u32. */
  readonly type: number;
  /**
   * The receiver's own memory, never written again by the SDK. It may be part of a larger block that came in one record;
   * copy the payload (`payload.slice()`) if you keep many small payloads for long.
   */
  readonly payload: Uint8Array;
}
